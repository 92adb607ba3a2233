//! Fuzz target: see `tandem_fuzz::sip_write`.

#[test]
fn sip_write() {
    bolero::check!().for_each(|input: &[u8]| tandem_fuzz::sip_write::check(input));
}
