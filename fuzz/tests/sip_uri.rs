//! Fuzz target: see `tandem_fuzz::sip_uri`.

#[test]
fn sip_uri() {
    bolero::check!().for_each(|input: &[u8]| tandem_fuzz::sip_uri::check(input));
}
