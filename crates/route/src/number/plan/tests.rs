use super::*;
use config::Config;
use proptest::prelude::*;
use std::sync::LazyLock;

fn plan(keys: &str) -> DialPlan {
    let file = format!(
        "[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"t\"\nrole = \"carrier\"\n\
         targets = [{{ uri = \"sip:127.0.0.2\" }}]\n[[dial_plan]]\nname = \"p\"\n{keys}\n"
    );
    let config: Config = config::parse(&file, "t").unwrap_or_else(|report| panic!("{report}"));
    DialPlan::new(&config.dial_plans[0])
}

fn of(country: &str) -> DialPlan {
    plan(&format!("country = \"{country}\""))
}

/// What a plan makes of a number: the number, or why it is none.
fn read(plan: &DialPlan, dialled: &str) -> Result<String, Why> {
    let read = plan.called(dialled).map(Cow::into_owned);
    read.map_err(|misdialled| misdialled.why())
}

#[track_caller]
fn holds(plan: &DialPlan, rows: &[(&str, Result<&str, Why>)]) {
    for (dialled, wanted) in rows {
        let wanted = wanted.map(str::to_owned);
        assert_eq!(read(plan, dialled), wanted, "{dialled}");
    }
}

#[test]
fn numbers_are_read_as_they_are_dialled_in_the_united_kingdom() {
    holds(
        &of("GB"),
        &[
            ("02071838750", Ok("+442071838750")),
            ("+442071838750", Ok("+442071838750")),
            ("00442071838750", Ok("+442071838750")),
            ("442071838750", Ok("+442071838750")),
            ("2071838750", Ok("+442071838750")),
            ("0012125550123", Ok("+12125550123")),
            ("00493012345678", Ok("+493012345678")),
            ("07400123456", Ok("+447400123456")),
            ("+44 (0) 20 7183 8750", Ok("+442071838750")),
            ("020-7183-8750", Ok("+442071838750")),
            ("08001111", Ok("+448001111")),
            // Numbers that are none.
            ("101", Err(Why::Short)),
            ("118118", Err(Why::Local)),
            ("0207183875099999", Err(Why::Long)),
            ("+99912345", Err(Why::Country)),
            ("+0441234567", Err(Why::Country)),
            ("+", Ok("+")),
            // What is no number is left alone.
            ("alice", Ok("alice")),
            ("*21*02071838750#", Ok("*21*02071838750#")),
            ("", Ok("")),
        ],
    );
}

#[test]
fn numbers_are_read_as_they_are_dialled_in_many_countries() {
    for (country, rows) in [
        (
            "DE",
            &[
                ("030123456", Ok("+4930123456")),
                ("0015", Err(Why::Short)),
                ("0151 23456789", Ok("+4915123456789")),
                ("0044 20 7183 8750", Ok("+442071838750")),
                ("+49 (0)30 123456", Ok("+4930123456")),
            ][..],
        ),
        (
            "US",
            &[
                ("2125550123", Ok("+12125550123")),
                ("12125550123", Ok("+12125550123")),
                ("011442071838750", Ok("+442071838750")),
                ("(212) 555-0123", Ok("+12125550123")),
                ("5550123", Err(Why::Local)),
                ("+112125550123", Ok("+12125550123")),
                ("611", Err(Why::Short)),
            ],
        ),
        (
            "FR",
            &[
                ("0123456789", Ok("+33123456789")),
                ("0611223344", Ok("+33611223344")),
                ("0033123456789", Ok("+33123456789")),
                ("+330123456789", Ok("+33123456789")),
            ],
        ),
        (
            "IT",
            &[
                // The zero belongs to the number.
                ("0612345678", Ok("+390612345678")),
                ("+390612345678", Ok("+390612345678")),
                ("3123456789", Ok("+393123456789")),
                ("00390612345678", Ok("+390612345678")),
            ],
        ),
        (
            "AU",
            &[
                ("0212345678", Ok("+61212345678")),
                ("0412345678", Ok("+61412345678")),
                ("0011442071838750", Ok("+442071838750")),
                ("1300123456", Ok("+611300123456")),
            ],
        ),
        (
            "IN",
            &[
                ("09876543210", Ok("+919876543210")),
                ("9876543210", Ok("+919876543210")),
                ("00442071838750", Ok("+442071838750")),
            ],
        ),
        (
            "BR",
            &[
                // A carrier is chosen by two digits in the middle.
                ("01511987654321", Ok("+5511987654321")),
                ("011987654321", Ok("+5511987654321")),
                ("11987654321", Ok("+5511987654321")),
                ("0015442071838750", Ok("+442071838750")),
            ],
        ),
        (
            "AR",
            &[
                ("01123456789", Ok("+541123456789")),
                ("0111523456789", Ok("+5491123456789")),
            ],
        ),
        (
            "RU",
            &[
                ("84951234567", Ok("+74951234567")),
                ("810442071838750", Ok("+442071838750")),
            ],
        ),
        ("HU", &[("0611234567", Ok("+3611234567"))]),
        ("ES", &[("912345678", Ok("+34912345678"))]),
        (
            "JP",
            &[
                ("0312345678", Ok("+81312345678")),
                ("010442071838750", Ok("+442071838750")),
            ],
        ),
        (
            "GG",
            &[
                ("01481256789", Ok("+441481256789")),
                ("256789", Ok("+441481256789")),
            ],
        ),
    ] {
        let plan = of(country);
        for (dialled, wanted) in rows {
            let wanted: Result<String, Why> = wanted.map(str::to_owned);
            assert_eq!(read(&plan, dialled), wanted, "{country} {dialled}");
        }
    }
}

#[test]
fn a_number_without_its_area_code_gets_it() {
    let london = plan("country = \"GB\"\narea = \"20\"\nlocal_digits = 8");
    holds(
        &london,
        &[
            ("71838750", Ok("+442071838750")),
            ("7183 8750", Ok("+442071838750")),
            ("02071838750", Ok("+442071838750")),
            ("01314960000", Ok("+441314960000")),
            // It begins as a national number does.
            ("01838750", Ok("+441838750")),
        ],
    );
    let new_york = plan("country = \"US\"\narea = \"212\"\nlocal_digits = 7");
    holds(
        &new_york,
        &[
            ("5550123", Ok("+12125550123")),
            ("6175550123", Ok("+16175550123")),
        ],
    );
}

#[test]
fn extensions_and_short_codes_are_left_alone() {
    let plan = plan("country = \"GB\"\nkeep = [\"2XXX\", \"101\", \"118*\", \"+882*\"]");
    holds(
        &plan,
        &[
            ("2001", Ok("2001")),
            ("101", Ok("101")),
            ("118118", Ok("118118")),
            ("+882991", Ok("+882991")),
            ("3001", Err(Why::Local)),
            ("02071838750", Ok("+442071838750")),
        ],
    );
}

#[test]
fn rules_change_what_is_dialled() {
    let plan = plan(
        r#"country = "GB"
rules = [
    { match = "90900*", then = "refuse" },
    { match = "9*", strip = 1 },
    { match = "7XXX", prepend = "+44207183" },
    { match = "8XX", strip = 1, prepend = "*", then = "keep" },
    { match = "6*", then = "keep" },
    { match = "+1900*", then = "refuse" },
    { match = "5", strip = 1 },
]"#
        .replace("prepend = \"*\"", "prepend = \"55\"")
        .as_str(),
    );
    holds(
        &plan,
        &[
            ("902071838750", Ok("+442071838750")),
            ("900442071838750", Ok("+442071838750")),
            ("9101", Err(Why::Short)),
            ("9090012345", Err(Why::Rule)),
            ("7501", Ok("+442071837501")),
            ("812", Ok("5512")),
            ("666", Ok("666")),
            ("+19005550123", Err(Why::Rule)),
            ("5", Err(Why::Nothing)),
            ("02071838750", Ok("+442071838750")),
        ],
    );
}

#[test]
fn a_plan_has_prefixes_of_its_own() {
    let odd = plan("country = \"GB\"\ninternational = [\"9011\", \"99\"]");
    holds(
        &odd,
        &[
            ("901112125550123", Ok("+12125550123")),
            ("9912125550123", Ok("+12125550123")),
            ("02071838750", Ok("+442071838750")),
            // The country's own access code is none here.
            ("0012125550123", Err(Why::Long)),
        ],
    );
    let bare = plan("country = \"GB\"\nnational = \"\"");
    holds(
        &bare,
        &[
            ("2071838750", Ok("+442071838750")),
            ("0012125550123", Ok("+12125550123")),
        ],
    );
    let nine = plan("country = \"US\"\nnational = \"9\"");
    holds(
        &nine,
        &[
            ("92125550123", Ok("+12125550123")),
            ("2125550123", Ok("+12125550123")),
        ],
    );
}

#[test]
fn what_is_no_number_may_pass() {
    let plan = plan("country = \"GB\"\nunknown = \"pass\"\nrules = [{ match = \"13*\", then = \"refuse\" }]");
    holds(
        &plan,
        &[
            ("101", Ok("101")),
            ("+999123456", Ok("+999123456")),
            ("02071838750", Ok("+442071838750")),
            ("1301", Err(Why::Rule)),
        ],
    );
    let off = super::tests::plan("country = \"GB\"\ncheck = \"off\"");
    holds(
        &off,
        &[
            ("02071838750999", Ok("+442071838750999")),
            ("+999123456", Err(Why::Country)),
        ],
    );
}

#[test]
fn a_caller_is_read_without_rules_and_never_refused() {
    let plan = plan("country = \"GB\"\nkeep = [\"02*\"]\nrules = [{ match = \"0*\", then = \"refuse\" }]");
    for (number, read) in [
        ("02071838750", "+442071838750"),
        ("2071838750", "+442071838750"),
        ("+442071838750", "+442071838750"),
        ("101", "101"),
        ("anonymous", "anonymous"),
        ("+99912", "+99912"),
        ("", ""),
    ] {
        assert_eq!(plan.caller(number), read, "{number}");
    }
}

#[test]
fn a_refusal_says_what_was_wrong() {
    for (dialled, status, said) in [
        (
            "101",
            484,
            "dial plan \"p\": 101 has too few digits; `keep` of the plan leaves short codes as they are (GB)",
        ),
        (
            "118118",
            484,
            "dial plan \"p\": 118118 has no area code; `area` of the plan puts one in front (GB)",
        ),
        (
            "+99912345",
            404,
            "dial plan \"p\": +99912345 begins with the code of no country (GB)",
        ),
    ] {
        let misdialled = of("GB").called(dialled).unwrap_err();
        assert_eq!(
            (misdialled.status(), misdialled.to_string().as_str()),
            (status, said)
        );
    }
    let long = "1".repeat(10_000);
    let misdialled = of("GB").called(&long).unwrap_err();
    assert!(misdialled.to_string().len() < 200 && misdialled.status() == 404);
}

/// Every example that the library has, of every country and kind.
fn examples() -> Vec<(Region, String)> {
    use rlibphonenumber::{
        NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType, Region as Theirs,
    };
    let kinds = [
        PhoneNumberType::FixedLine,
        PhoneNumberType::Mobile,
        PhoneNumberType::TollFree,
        PhoneNumberType::PremiumRate,
        PhoneNumberType::SharedCost,
        PhoneNumberType::VoIP,
        PhoneNumberType::PersonalNumber,
        PhoneNumberType::UAN,
    ];
    let mut examples = Vec::new();
    for region in Region::all() {
        let theirs = Theirs::from_code(region.as_str()).unwrap();
        for kind in kinds {
            let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(theirs, kind);
            if let Ok(example) = example {
                let e164 = PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::E164);
                let length = PHONE_NUMBER_UTIL.is_possible_number_with_reason(&example);
                let whole = length == Ok(NumberLengthType::IsPossible);
                examples.extend(whole.then(|| (region, e164.into_owned())));
            }
        }
    }
    assert!(examples.len() > 800, "{}", examples.len());
    examples
}

/// Numbers with a country's code are read without the library, and as it reads them.
#[test]
fn every_countrys_numbers_stay_what_they_are() {
    let plan = of("GB");
    for (region, number) in examples() {
        assert_eq!(read(&plan, &number), Ok(number.clone()), "{region}");
    }
    // A number of seven digits without an area code, in all of Canada.
    assert_eq!(read(&plan, "+13101234"), Err(Why::Local));
}

#[test]
fn the_country_of_every_example_is_its_own() {
    for (region, number) in examples() {
        let found = super::super::country(&number);
        // Guadeloupe's neighbours have its numbers; some kinds of number are the same in all countries of a code.
        let code = region.calling_code();
        let main = Region::of_calling_code(code);
        let theirs = rlibphonenumber::PHONE_NUMBER_UTIL.parse(&number, None).ok();
        let theirs =
            theirs.and_then(|number| rlibphonenumber::PHONE_NUMBER_UTIL.get_region_for_number(&number));
        let theirs = theirs.and_then(|theirs| theirs.as_region_str().as_str().parse::<Region>().ok());
        let shared = ["BL", "MF"].contains(&region.as_str());
        assert!(
            found == Some(region) || found == theirs || (shared && found == main),
            "{number} of {region}: {found:?}, {theirs:?}"
        );
    }
}

/// In every country, a number that is dialled as at home is the one that it is abroad.
#[test]
fn every_countrys_numbers_are_read_as_they_are_dialled_at_home() {
    let mut read_so = 0;
    for region in Region::all().step_by(7) {
        let plan = of(region.as_str());
        for (other, number) in examples().into_iter().filter(|(other, _)| *other == region) {
            let code = format!("+{}", other.calling_code());
            let prefix = prefixes(region)
                .map(|prefixes| prefixes.national)
                .unwrap_or_default();
            let national = format!("{prefix}{}", number.strip_prefix(&code).unwrap());
            let found = read(&plan, &national);
            assert_eq!(found, Ok(number), "{region} {national}");
            read_so += 1;
        }
    }
    assert!(read_so > 100, "{read_so}");
}

static PLANS: LazyLock<Vec<DialPlan>> =
    LazyLock::new(|| ["GB", "US", "DE", "IT", "BR", "JP", "AU", "RU"].map(of).into());

static ODD: LazyLock<DialPlan> = LazyLock::new(|| {
    plan(
        "country = \"GB\"\narea = \"20\"\nlocal_digits = [7, 8]\n\
         rules = [{ match = \"9*\", strip = 1 }, { match = \"8X\", strip = 32, prepend = \"+1\" }]",
    )
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    /// What was read once is read again as it is.
    #[test]
    fn reading_twice_changes_nothing(country in 0_usize..8, dialled in "\\+?[0-9]{0,18}") {
        let plan = &PLANS[country];
        if let Ok(once) = plan.called(&dialled) {
            let twice = plan.called(&once).map(Cow::into_owned);
            prop_assert_eq!(twice, Ok(once.clone().into_owned()), "{}", dialled);
            let caller = plan.caller(&dialled);
            prop_assert_eq!(plan.caller(&caller), caller.clone());
        }
    }

    /// Whatever comes, nothing breaks, and what comes out is the number in E.164 or what came in.
    #[test]
    fn hostile_input_is_no_harm(dialled in "\\PC{0,40}|[0-9+*#(). -]{0,40}") {
        let _ = ODD.caller(&dialled);
        if let Ok(read) = ODD.called(&dialled) {
            let e164 = read.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert!(e164 || read == dialled, "{} {}", dialled, read);
        }
    }
}
