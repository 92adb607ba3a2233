fn main() {
    let a: Vec<String> = std::env::args().collect();
    let s: sim::scenario::Scenario = a[1].parse().unwrap();
    let w = s.world(a[2].parse().unwrap(), sim::scenario::DAY);
    for d in &w.destinations {
        println!(
            "{} {} {:.2} ans {:.2} delay {:.1} talk {:.0}",
            d.name, d.prefix, d.part, d.answered, d.delay_s, d.talk_s
        );
    }
    for (i, c) in w.carriers.iter().enumerate() {
        println!(
            "{i} {} p {:?} max {:?} hid {:?} enters {:.1}h u0 {:?}",
            c.name,
            c.prices[0],
            c.max_calls,
            c.hidden_calls,
            c.enters as f64 / 3.6e6,
            c.usual[0]
        );
        for e in &c.episodes {
            println!(
                "    {:.2}-{:.2} {:?} {:?}",
                e.from as f64 / 3.6e6,
                e.until as f64 / 3.6e6,
                e.scope,
                e.effect
            );
        }
    }
}
