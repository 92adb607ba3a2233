//! TEMPORARY
#![allow(missing_docs)]
use std::sync::OnceLock;
macro_rules! tune { ($($n:ident = $d:expr),* $(,)?) => {
#[derive(Debug)] pub struct T { $(pub $n: f32,)* }
impl T { fn read() -> T { let mut t = T { $($n: $d,)* };
 if let Ok(s) = std::env::var("TUNE") { for kv in s.split(',') { let Some((k,v)) = kv.split_once('=') else { continue };
   let mut ok=false; $(if k == stringify!($n) { t.$n = v.parse().unwrap_or(f32::NAN); ok=true; })* if !ok { eprintln!("unknown {k}"); } } } t } }
}}
tune! { refused=0.13, silent=0.28, ps_fails=1.0, ps_talks=3.0, ps_sounds=1.0, ps_class=60.0, pooled=20.0,
sh_fails=2.0, li_fails=9.0, sh_talks=1.2, li_talks=10.0, sh_sounds=2.0, li_sounds=9.0, first=0.1, hope_s=43200.0, hope_n=12.0, proven=25.0,
probe_part=0.7, half_life=7200.0, min_attempts=20.0, memory=1000.0, noise=0.35, probe_every=12.0, slow_start=25.0, worth_a_try=-0.06, gap=0.06, alike=0.015, fallen=0.1, talk_cap=1.05, up_fails=3.5, up_talks=10.0, up_sounds=3.0, up_cheats=3.0, up_waits=3.0, sh_cheats=2.5, li_cheats=7.0, sh_waits=2.0, li_waits=9.0, ps_cheats=1.0, ps_waits=1.0, ts_at=4.0, near=200.0, max_dev=0.25, blame=0.7, fresh=1.0, keep=60.0, bills=1.0, hon=0.0, pin=1.0, topq=0.25, topk=30.0, topmin=10.0, abs=1.0, top=1.0 }
pub fn t() -> &'static T {
    static S: OnceLock<T> = OnceLock::new();
    S.get_or_init(T::read)
}
