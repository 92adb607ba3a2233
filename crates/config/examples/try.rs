fn main() {
    let text = std::io::read_to_string(std::io::stdin()).unwrap();
    match config::parse(&text, "t.toml") {
        Ok(c) => println!("{}", c.to_masked_toml()),
        Err(r) => print!("{r}"),
    }
}
