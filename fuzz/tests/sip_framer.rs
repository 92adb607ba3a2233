//! Fuzz target: see `tandem_fuzz::sip_framer`.

#[test]
fn sip_framer() {
    bolero::check!().for_each(|input: &[u8]| tandem_fuzz::sip_framer::check(input));
}
