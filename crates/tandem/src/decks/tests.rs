use super::*;

const LISTEN: &str = "[[listen]]\ntransport = \"udp\"\nbind = \"127.0.0.1:5060\"\n";

fn config(text: &str) -> Config {
    config::parse(&format!("{LISTEN}{text}"), "t").unwrap_or_else(|report| panic!("{report}"))
}

fn carrier(name: &str, keys: &str) -> String {
    format!(
        "[[trunk]]\nname = \"{name}\"\nrole = \"carrier\"\ntargets = [{{ uri = \"sip:192.0.2.1\" }}]\n{keys}\n"
    )
}

#[test]
fn every_fault_of_every_deck_is_told_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    std::fs::write(&path, "prefix,rate\n44,x\n45,1\n46,y\n").unwrap();
    let config = config(
        &(carrier("a", &format!("deck = {path:?}"))
            + &carrier(
                "b",
                "rates = [{ prefix = \"1\", rate = 1 }, { prefix = \"1\", rate = 2 }]",
            )
            + &carrier("c", "deck = \"/nowhere/c.csv\"")
            + &carrier(
                "d",
                "rates = [{ prefix = \"1\", rate = 1 }]\ndeck_format = { timezone = \"Mars\" }",
            )
            + &carrier("e", "rates = [{ prefix = \"1\", rate = 1, currency = \"EUR\" }]")),
    );
    let mut seen = Vec::new();
    let errors = load(&config, &mut seen).err().unwrap();
    let shown = path.display();
    assert_eq!(
        errors[0],
        format!("{shown}:line 2, rate: \"x\" is not an amount like 0.0125")
    );
    assert_eq!(
        errors[1],
        format!("{shown}:line 4, rate: \"y\" is not an amount like 0.0125")
    );
    assert_eq!(
        errors[2],
        "trunk.b.rates[1].prefix: 1: row 1 has the same prefix and effective_from; keep one"
    );
    assert!(
        errors[3].starts_with("/nowhere/c.csv: deck of trunk \"c\": "),
        "{}",
        errors[3]
    );
    assert!(
        errors[4].starts_with("trunk.d.deck_format.timezone: \"Mars\" is no time zone here"),
        "{}",
        errors[4]
    );
    assert!(
        errors[5].starts_with("trunk.e.rates[0].currency: nobody has said"),
        "{}",
        errors[5]
    );
    assert_eq!(errors.len(), 6);
    assert_eq!(seen, [path, PathBuf::from("/nowhere/c.csv")]);
}

#[test]
fn a_flood_of_faults_is_told_in_part() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    std::fs::write(&path, format!("prefix,rate\n{}", "44,x\n".repeat(500))).unwrap();
    let errors = load(
        &config(&carrier("a", &format!("deck = {path:?}"))),
        &mut Vec::new(),
    )
    .err()
    .unwrap();
    assert_eq!(errors.len(), FAULTS + 1);
    assert!(
        errors[FAULTS].contains("; and 399 more (tandem decks import "),
        "{}",
        errors[FAULTS]
    );
}

#[test]
fn what_has_not_changed_is_not_read_again_and_what_has_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    std::fs::write(&path, "prefix,rate,currency\n44,1,EUR\n").unwrap();
    let text = |rate: f64| {
        format!(
            "[billing]\nrates = {{ EUR = {rate} }}\n{}",
            carrier("a", &format!("deck = {path:?}"))
        )
    };
    let memory = Mutex::new(None);
    let price = |config: &Config| {
        let decks =
            load_knowing(config, &mut Vec::new(), &memory).unwrap_or_else(|errors| panic!("{errors:?}"));
        let deck = decks.bought.into_iter().next().unwrap().1;
        let price = deck.rows().next().unwrap().rate.per_minute.to_string();
        (price, deck)
    };
    let (first, deck) = price(&config(&text(1.1)));
    let (again, same) = price(&config(&text(1.1)));
    assert_eq!((first.as_str(), again.as_str()), ("1.1", "1.1"));
    assert!(deck.is(&same), "it was read again");
    // Another worth of its currency, and another text.
    assert_eq!(price(&config(&text(1.2))).0, "1.2");
    std::fs::write(&path, "prefix,rate,currency\n44,2,EUR\n").unwrap();
    assert_eq!(price(&config(&text(1.2))).0, "2.4");
}
