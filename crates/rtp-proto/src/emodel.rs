//! The E-model (ITU-T G.107, 06/2015): a transmission rating R of what limits a conversation, and the mean opinion score that it
//! stands for.
//!
//! The whole narrowband model with the Recommendation's default values (table 2), so that an undisturbed call is R = 93.2. What a
//! relay measures goes in as packet loss, its burstiness, the codec's impairment factors, and the delay.

mod codec;

pub use codec::{Codec, Impairment};

/// Parameters of a connection (G.107 table 2). Levels and loudness ratings in dB, times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connection {
    /// Send loudness rating.
    pub slr: f64,
    /// Receive loudness rating.
    pub rlr: f64,
    /// Sidetone masking rating.
    pub stmr: f64,
    /// Listener sidetone rating.
    pub lstr: f64,
    /// D-value of the telephone, send side.
    pub ds: f64,
    /// Talker echo loudness rating.
    pub telr: f64,
    /// Weighted echo path loss.
    pub wepl: f64,
    /// Mean one-way delay of the echo path.
    pub t: f64,
    /// Round-trip delay in a four-wire loop.
    pub tr: f64,
    /// Absolute delay in echo-free connections.
    pub ta: f64,
    /// Delay sensitivity of the conversation.
    pub st: f64,
    /// Delay below which nobody is disturbed.
    pub mt: f64,
    /// Quantisation distortion units.
    pub qdu: f64,
    /// Circuit noise referred to the 0 dBr point, dBm0p.
    pub nc: f64,
    /// Noise floor at the receive side, dBmp.
    pub nfor: f64,
    /// Room noise at the send side, dB(A).
    pub ps: f64,
    /// Room noise at the receive side, dB(A).
    pub pr: f64,
    /// Equipment impairment factor and packet-loss robustness of the codec (G.113).
    pub codec: Impairment,
    /// Random packet loss, per cent.
    pub ppl: f64,
    /// Burst ratio: 1 for loss at random, more for loss in runs.
    pub burst_r: f64,
    /// Advantage factor.
    pub a: f64,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            slr: 8.0,
            rlr: 2.0,
            stmr: 15.0,
            lstr: 18.0,
            ds: 3.0,
            telr: 65.0,
            wepl: 110.0,
            t: 0.0,
            tr: 0.0,
            ta: 0.0,
            st: 1.0,
            mt: 100.0,
            qdu: 1.0,
            nc: -70.0,
            nfor: -64.0,
            ps: 35.0,
            pr: 35.0,
            codec: Impairment { ie: 0.0, bpl: 4.3 },
            ppl: 0.0,
            burst_r: 1.0,
            a: 0.0,
        }
    }
}

/// What a rating is made of: R = Ro - Is - Id - Ie,eff + A (G.107 7-1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// The rating; about 0 to 93.2, though the formula has no bounds.
    pub r: f64,
    /// Basic signal-to-noise ratio.
    pub ro: f64,
    /// Impairments that go with the voice signal: loudness, sidetone, quantisation.
    pub is: f64,
    /// Talker echo.
    pub idte: f64,
    /// Listener echo.
    pub idle: f64,
    /// Absolute delay.
    pub idd: f64,
    /// Codec and packet loss.
    pub ie_eff: f64,
}

impl Connection {
    /// A connection whose echo is under control as far as the default loudness ratings have it, with a mouth-to-ear delay of
    /// `ms` (G.107: T = Ta, Tr = 2 Ta).
    #[must_use]
    pub fn with_delay(self, ms: f64) -> Self {
        Self {
            ta: ms,
            t: ms,
            tr: 2.0 * ms,
            ..self
        }
    }

    /// The rating of this connection.
    #[must_use]
    pub fn rating(&self) -> Rating {
        let no = self.noise();
        let ro = 15.0 - 1.5 * (self.slr + no);
        let ist = self.sidetone();
        let is = self.loudness(no) + ist + self.quantisation(ro);
        let (idte, idle, idd) = (self.talker_echo(no, ist), self.listener_echo(ro), self.delay());
        let ie_eff = self.codec.effective(self.ppl, self.burst_r);
        Rating {
            r: ro - is - (idte + idle + idd) - ie_eff + self.a,
            ro,
            is,
            idte,
            idle,
            idd,
            ie_eff,
        }
    }

    /// No: the sum of all noise, as power (7-3 to 7-7).
    fn noise(&self) -> f64 {
        let olr = self.slr + self.rlr;
        let send = self.ps - self.slr - self.ds - 100.0 + 0.004 * (self.ps - olr - self.ds - 14.0).powi(2);
        let room = self.pr + 10.0 * (1.0 + power((10.0 - self.lstr) / 10.0)).log10();
        let receive = self.rlr - 121.0 + room + 0.008 * (room - 35.0).powi(2);
        let floor = self.nfor + self.rlr;
        let all: f64 = [self.nc, send, receive, floor]
            .iter()
            .map(|level| power(level / 10.0))
            .sum();
        10.0 * all.log10()
    }

    /// Iolr (7-9, 7-10).
    fn loudness(&self, no: f64) -> f64 {
        let x = (self.slr + self.rlr + 0.2 * (64.0 + no - self.rlr)) / 8.0;
        20.0 * (knee(x, 8) - x)
    }

    /// Ist (7-11, 7-12).
    fn sidetone(&self) -> f64 {
        let echo = (-self.t / 4.0).exp() * power(-self.telr / 10.0);
        let stmr = -10.0 * (power(-self.stmr / 10.0) + echo).log10();
        12.0 * knee((stmr - 13.0) / 6.0, 8)
            - 28.0 * knee((stmr + 1.0) / 19.4, 35)
            - 13.0 * knee((stmr - 3.0) / 33.0, 13)
            + 29.0
    }

    /// Iq (7-13 to 7-17).
    fn quantisation(&self, ro: f64) -> f64 {
        let q = 37.0 - 15.0 * self.qdu.log10();
        let g = 1.07 + 0.258 * q + 0.0602 * q * q;
        let y = (ro - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0;
        let z = 46.0 / 30.0 - g / 40.0;
        15.0 * (1.0 + power(y) + power(z)).log10()
    }

    /// Idte (7-19 to 7-25).
    fn talker_echo(&self, no: f64, ist: f64) -> f64 {
        let plain = if self.t < 1.0 {
            0.0
        } else {
            let quality = 40.0 * ((1.0 + self.t / 10.0) / (1.0 + self.t / 150.0)).log10();
            let mut terv = self.telr - quality + 6.0 * (-0.3 * self.t * self.t).exp();
            if self.stmr < 9.0 {
                terv += ist / 2.0;
            }
            let half = (-1.5 * (no - self.rlr) - (80.0 + 2.5 * (terv - 14.0))) / 2.0;
            (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-self.t).exp())
        };
        if self.stmr > 20.0 { plain.hypot(ist) } else { plain }
    }

    /// Idle (7-26, 7-27).
    fn listener_echo(&self, ro: f64) -> f64 {
        let rle = 10.5 * (self.wepl + 7.0) * (self.tr + 1.0).powf(-0.25);
        let half = (ro - rle) / 2.0;
        half + (half * half + 169.0).sqrt()
    }

    /// Idd (7-28, 7-29).
    fn delay(&self) -> f64 {
        if self.ta <= self.mt {
            return 0.0;
        }
        let x = (self.ta / self.mt).log2();
        let order = 6.0 * self.st;
        let knee = |x: f64| (1.0 + x.powf(order)).powf(1.0 / order);
        25.0 * (knee(x) - 3.0 * knee(x / 3.0) + 2.0)
    }
}

fn power(exponent: f64) -> f64 {
    10_f64.powf(exponent)
}

/// (1 + x^n)^(1/n): 1 where x is small, x where it is large.
fn knee(x: f64, n: i32) -> f64 {
    (1.0 + x.powi(n)).powf(1.0 / f64::from(n))
}

/// The mean opinion score, 1 to 4.5, that a rating stands for (G.107 Annex B).
#[must_use]
pub fn mos(r: f64) -> f64 {
    if r <= 0.0 {
        1.0
    } else if r >= 100.0 {
        4.5
    } else {
        // The polynomial dips below 1 for ratings under 6.5.
        (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
    }
}

/// The rating that a mean opinion score stands for, 6.5 to 100 (G.107 Appendix I); scores outside 1 to 4.5 are taken as these.
#[must_use]
pub fn rating_of_mos(mos: f64) -> f64 {
    let mos = mos.clamp(1.0, 4.5);
    let (across, up) = (
        18_566.0 - 6_750.0 * mos,
        (-903_522.0 + 1_113_960.0 * mos - 202_500.0 * mos * mos).max(0.0),
    );
    let h = (15.0 * up.sqrt()).atan2(across) / 3.0;
    20.0 / 3.0 * (8.0 - 226_f64.sqrt() * (h + std::f64::consts::FRAC_PI_3).cos())
}

#[cfg(test)]
mod tests;
