//! Fuzz target: see `tandem_fuzz::sip_parse`.

#[test]
fn sip_parse() {
    bolero::check!().for_each(|input: &[u8]| tandem_fuzz::sip_parse::check(input));
}
