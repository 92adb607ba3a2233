//! Decks as carriers write them, each against what it says in our own words, and the ways in which such a file can be wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use route::deck::{
    Asked, Currency, DateOrder, Deck, Exchange, Field, Format, Layout, Money, Places, Sheet, Zone, read,
    read_bytes,
};

macro_rules! layouts {
    ($($name:literal),+ $(,)?) => {
        &[$((
            $name,
            include_str!(concat!("layouts/", $name, ".csv")),
            include_str!(concat!("layouts/", $name, ".expected.csv")),
        )),+]
    };
}

const LAYOUTS: &[(&str, &str, &str)] = layouts!(
    "amendment",
    "international",
    "european",
    "us",
    "us_two_prices",
    "country_and_code",
    "breakouts",
    "origins",
    "hours",
);

fn sheet(text: &str) -> Sheet {
    read(text, &Format::default()).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// The first fault of a text.
fn fault(text: &str, format: &Format) -> String {
    read(text, format).unwrap_err()[0].to_string()
}

/// What a sheet says, whatever its lines were.
fn says(sheet: &Sheet) -> Vec<String> {
    sheet
        .lines()
        .map(|line| {
            let mut row = line.row;
            row.line = 0;
            format!("{row:?} {:?} {}", sheet.currency(line), line.is_surcharge())
        })
        .collect()
}

#[test]
fn layouts_are_known_by_their_headers() {
    for (name, text, expected) in LAYOUTS {
        assert_eq!(sheet(text).to_csv(), *expected, "{name}");
    }
}

#[test]
fn what_was_read_is_read_again_from_what_is_written() {
    for (name, text, _) in LAYOUTS {
        let first = sheet(text);
        let second = sheet(&first.to_csv());
        assert_eq!(says(&first), says(&second), "{name}");
        assert_eq!(first.to_csv(), second.to_csv(), "{name}");
    }
}

#[test]
fn the_shipped_examples_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/decks");
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let read = read_bytes(&std::fs::read(&path).unwrap(), &Format::default());
        let sheet = read.unwrap_or_else(|errors| panic!("{}: {errors:#?}", path.display()));
        rows.push((
            path.file_name().unwrap().to_string_lossy().into_owned(),
            sheet.lines().count(),
        ));
    }
    rows.sort();
    let expected = [
        ("carrier-a.csv", 7),
        ("headquarters.csv", 7),
        ("rate-notice.csv", 10),
        ("united-states.csv", 7),
    ];
    assert_eq!(rows, expected.map(|(name, rows)| (name.to_owned(), rows)));
}

#[test]
fn what_is_worth_knowing_is_said() {
    let notes = |name: &str| {
        let (_, text, _) = LAYOUTS.iter().find(|(known, ..)| *known == name).unwrap();
        sheet(text).notes().join("; ")
    };
    assert_eq!(
        notes("amendment"),
        "the header is line 4; what stands above it is passed over; 1 rows are marked as deleted and left out"
    );
    assert_eq!(
        notes("international"),
        "dates have the month first, as line 3 shows"
    );
    assert!(notes("us_two_prices").contains("the dearer of the two"));
    let international = sheet(LAYOUTS[1].1);
    assert_eq!(international.passed_over(), ["Destination"]);
    assert_eq!(
        international
            .columns()
            .first()
            .map(|(field, name)| (*field, name.as_str())),
        Some(("prefix", "Code"))
    );
}

#[test]
fn what_a_file_does_not_show_is_refused_until_it_is_said() {
    let dates = "prefix,rate,effective date\n44,1,03/04/2026\n45,1,05/06/2026\n";
    let said = |order| Format {
        dates: Some(order),
        ..Format::default()
    };
    assert_eq!(
        fault(dates, &Format::default()),
        "line 2, effective date: the file does not show whether the day or the month comes first; write 2026-12-31, or say \
         dates = \"day-first\" or dates = \"month-first\""
    );
    let from = |order| {
        let sheet = read(dates, &said(order)).unwrap();
        sheet.lines().map(|line| line.row.from).collect::<Vec<_>>()
    };
    assert_eq!(from(DateOrder::DayFirst), [1_775_174_400, 1_780_617_600]);
    assert_eq!(from(DateOrder::MonthFirst), [1_772_582_400, 1_778_025_600]);
    let both = "prefix,rate,effective date\n44,1,13/04/2026\n45,1,04/13/2026\n";
    assert!(
        fault(both, &Format::default()).starts_with("line 3, effective date: the day comes first in line 2")
    );
    let other = "prefix,rate,effective date\n44,1,13/04/2026\n";
    assert!(
        fault(other, &said(DateOrder::MonthFirst))
            .starts_with("line 2, effective date: the day comes first here")
    );

    let decimals = "prefix;rate\n44;1,234\n";
    assert!(fault(decimals, &Format::default()).contains("between thousands"));
    let comma = Format {
        decimal: Some(b','),
        ..Format::default()
    };
    let read_price = |text: &str| {
        read(text, &comma)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .row
            .rate
            .per_minute
    };
    assert_eq!(read_price(decimals), Money(1_234_000_000));
    assert!(fault("prefix;rate\n44;0.5\n", &comma).contains("(`decimal`)"));
    let mixed = "prefix;rate\n44;0,5\n45;0.5\n";
    assert!(
        fault(mixed, &Format::default()).starts_with("line 3, rate: decimals begin with a point in line 3")
    );

    let mixed = "Country Code,Code,Rate\n44,4420,1\n44,20,1\n";
    assert!(
        fault(mixed, &Format::default())
            .starts_with("line 3, Code: the code begins with the country code in line 2")
    );
    let twice = "Code,Price,Rate,Rate per minute\n44,1,2,3\n";
    assert!(
        fault(twice, &Format::default())
            .contains("\"Price\" and \"Rate per minute\" could both be the column \"rate\"")
    );
    let named = Format {
        columns: vec![
            (Field::Rate, "Rate Per Minute".into()),
            (Field::Prefix, "code".into()),
        ],
        ..Format::default()
    };
    let price = read(twice, &named)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .row
        .rate
        .per_minute;
    assert_eq!(price, Money(3_000_000_000));
}

#[test]
fn codes_of_the_united_states_have_their_one_whatever_is_over_them() {
    let us = Format {
        layout: Layout::UnitedStates,
        ..Format::default()
    };
    let international = Format {
        layout: Layout::International,
        ..Format::default()
    };
    let prefixes = |text: &str, format: &Format| {
        let sheet = read(text, format).unwrap();
        sheet
            .lines()
            .map(|line| line.row.key.to_string())
            .collect::<Vec<_>>()
    };
    let plain = "prefix,rate\n201,1\n1202,1\n201200,1\n2012003,1\n";
    assert_eq!(prefixes(plain, &us), ["1201", "1201200", "12012003", "1202"]);
    assert_eq!(
        prefixes(plain, &Format::default()),
        ["1202", "201", "201200", "2012003"]
    );
    let priced = "prefix,interstate,intrastate\n201,1,1\n";
    assert_eq!(prefixes(priced, &Format::default()), ["1201"]);
    assert_eq!(prefixes(priced, &international), ["201"]);
    assert!(fault("npanxx,inter,intra\n011,1,1\n", &Format::default()).contains("no area code"));
}

#[test]
fn prices_are_converted_to_the_base_currency() {
    let text = "prefix,rate,fee,minimum charge,currency\n44,0.01,0.1,0.5,EUR\n45,0.02,,,GBP\n46,0.03,,,\n47,0.04,,,EUR\n";
    let currency = |name| Currency::new(name).unwrap();
    let exchange = Exchange::new(
        Currency::USD,
        vec![
            (currency("EUR"), Money(1_080_000_000)),
            (currency("GBP"), Money(1_250_000_000)),
        ],
    );
    let deck = sheet(text).deck(&exchange, Places::default()).unwrap();
    let rate = |called| lookup(&deck, "", called).unwrap();
    assert_eq!(rate("44").per_minute, Money(10_800_000));
    assert_eq!(rate("44").fee, Money(108_000_000));
    assert_eq!(rate("44").minimum, Money(540_000_000));
    assert_eq!(rate("45").per_minute, Money(25_000_000));
    assert_eq!(rate("46").per_minute, Money(30_000_000));
    let errors = sheet(text)
        .deck(&Exchange::default(), Places::default())
        .unwrap_err();
    let lines: Vec<u32> = errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, [2, 3]);
    assert_eq!(
        errors[0].to_string(),
        "line 2, currency: nobody has said what one EUR is worth in USD; write rates = { EUR = … } in [billing]"
    );
    // What no amount and no header names is the format's.
    let pounds = Format {
        currency: Some(currency("GBP")),
        ..Format::default()
    };
    let deck = read("prefix,rate\n44,1\n", &pounds)
        .unwrap()
        .deck(&exchange, Places::default())
        .unwrap();
    assert_eq!(lookup(&deck, "", "44").unwrap().per_minute, Money(1_250_000_000));
}

fn lookup(deck: &Deck, caller: &str, called: &str) -> Option<route::deck::Rate> {
    deck.lookup(&Asked {
        called,
        caller,
        at_unix_s: 1_769_904_000,
    })
}

#[test]
fn a_surcharge_is_added_to_whatever_row_prices_the_call() {
    let text = "prefix,rate,origin,surcharge,effective_from,effective_to\n\
                32,1,,,,\n\
                32,2,,,2026-01-01,\n\
                324,5,,,,\n\
                33,1,,,,\n\
                33,1,9,,,\n\
                32,,7,0.1,,\n\
                324,,7,0.2,,\n\
                3249,,7,0.3,,\n\
                32,,78,0.4,,\n\
                33,,9,0.5,,\n\
                3,,6,0.6,,\n\
                32,,5,0.7,2026-03-01,\n\
                32,,4,0.8,,2026-01-31\n";
    let deck = sheet(text).deck(&Exchange::default(), Places::default()).unwrap();
    let table = [
        ("", "321", "2"),
        ("7123", "321", "2.1"),
        ("7823", "321", "2.4"),
        ("7123", "3241", "5.2"),
        ("7123", "3249", "5.3"),
        // The longest origin first: 78 is for all of 32.
        ("7823", "3249", "5.4"),
        // A row with an origin of its own has its price.
        ("9123", "33", "1"),
        ("6123", "33", "1.6"),
        ("6123", "3249", "5.6"),
        // Not yet, and no longer.
        ("5123", "321", "2"),
        ("4123", "321", "2"),
    ];
    for (caller, called, price) in table {
        let rate = lookup(&deck, caller, called).unwrap();
        assert_eq!(rate.per_minute.to_string(), price, "{caller} {called}");
    }
    assert!(
        fault("prefix,rate,origin,surcharge\n32,,,0.1\n", &Format::default()).contains("needs the prefix")
    );
    assert!(
        fault("prefix,rate,origin,surcharge\n32,1,7,0.1\n", &Format::default()).contains("about that alone")
    );
}

#[test]
fn dates_are_by_the_clock_of_the_deck() {
    let york = Format {
        zone: Zone::parse("America/New_York").unwrap(),
        ..Format::default()
    };
    let text = "prefix,rate,effective from,effective to\n1,1,2026-07-01,2026-07-31\n";
    let sheet = read(text, &york).unwrap();
    let row = sheet.lines().next().unwrap().row;
    assert_eq!((row.from, row.until), (1_782_878_400, 1_785_556_800));
    // Written as moments that every clock reads alike.
    assert_eq!(
        sheet.to_csv(),
        "prefix,rate,first_interval,increment,effective_from,effective_to\n\
         1,1,1,1,2026-07-01T04:00:00Z,2026-08-01T04:00:00Z\n"
    );
}

fn row() -> impl Strategy<Value = String> {
    let cell = |values: &'static [&'static str]| proptest::sample::select(values);
    let prefix = "[1-9][0-9]{0,6}";
    (
        prefix,
        0u64..3_000_000_000,
        cell(&["", "1/1", "30/6", "60/60"]),
        cell(&["", "0.001"]),
        cell(&["", "EUR", "GBP"]),
        cell(&["", "2026-01-01", "2026-02-03T04:05:06Z"]),
        cell(&["", "2026-12-31", "2027-01-01 12:00"]),
        cell(&["", "closed"]),
        cell(&["", "interstate", "intrastate", "indeterminate"]),
        cell(&["", "1212", "1-3"]),
        (cell(&["", "Mon-Fri 08:00-18:00; Sat 09:00-12:00"]), cell(&["", "Europe/Berlin", "-03:00"])),
    )
        .prop_map(
            |(prefix, price, billing, fee, currency, from, to, status, jurisdiction, origin, (hours, zone))| {
                let price = format!("{}.{:09}", price / 1_000_000_000, price % 1_000_000_000);
                format!("{prefix},{price},{billing},{fee},{currency},{from},{to},{status},{jurisdiction},{origin},{hours},{zone}\n")
            },
        )
}

const COLUMNS: &str = "Code,Rate,Billing Increment,Fee,Currency,Effective Date,End Date,Status,Jurisdiction,Origin,Hours,Time Zone\n";

proptest! {
    #[test]
    fn any_deck_is_the_same_after_it_was_written_and_read(mut rows in proptest::collection::vec(row(), 1..40)) {
        // One row a prefix: two could contradict each other.
        rows.sort_by_key(|row| row.split(',').next().map(str::to_owned));
        rows.dedup_by_key(|row| row.split(',').next().map(str::to_owned));
        let first = sheet(&format!("{COLUMNS}{}", rows.concat()));
        let written = first.to_csv();
        let second = sheet(&written);
        prop_assert_eq!(says(&first), says(&second), "{}", written);
        prop_assert_eq!(&written, &second.to_csv());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        header in "(code|prefix|npa|nxx|rate|inter|intra|status|from|to|hours|tz|origin|surcharge|cc|currency|billing|[a-z ]{0,9}|,|;|\t|\\|){1,12}\n",
        body in proptest::collection::vec(any::<u8>(), 0..200),
        cells in "([0-9+,.;:/\"'\n\r\t -]|Mon|é|€|\u{0}){0,120}",
    ) {
        let mut bytes = header.into_bytes();
        bytes.extend(cells.as_bytes());
        bytes.extend(body);
        if let Ok(sheet) = read_bytes(&bytes, &Format::default()) {
            let _ = sheet.to_csv();
            if let Ok(deck) = sheet.deck(&Exchange::default(), Places::default()) {
                lookup(&deck, "12125550100", "4420");
            }
        }
    }

    #[test]
    fn no_damage_to_a_real_deck_makes_the_reader_panic(
        which in 0usize..LAYOUTS.len(),
        damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = LAYOUTS[which].1.as_bytes().to_vec();
        for (at, byte) in damage {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(sheet) = read_bytes(&bytes, &Format::default()) {
            let written = sheet.to_csv();
            let again = read(&written, &Format::default());
            prop_assert!(again.is_ok(), "{written}\n{again:?}");
        }
    }
}
