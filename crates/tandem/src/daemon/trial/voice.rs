//! What a test call says and hears: a tone out, and what comes back counted and measured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use audio::tone::Part;
use audio::{Codec, Decoder, Format, Player, Program};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The tone: 1004 Hz at -10 dBm0, as lines are measured with (ITU-T O.6 has 1020 Hz, North America 1004).
static TONE: [Part; 1] = [Part::one(1004.0, -10.0, 1000)];

/// The longest packet of a stream that is read.
const LONGEST: usize = 2048;

/// Samples of the longest packet that is decoded: 120 ms at 48 kHz.
const SAMPLES: usize = 5760;

/// Whom the tone goes to, and in what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Far {
    pub(super) address: SocketAddr,
    pub(super) payload: u8,
    pub(super) codec: Option<Codec>,
}

/// What was heard.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    /// Packets of audio.
    pub(super) packets: u64,
    /// Packets of telephone events and other payload types.
    pub(super) others: u64,
    /// Packets sent.
    pub(super) sent: u64,
    first: Option<u16>,
    highest: u16,
    wraps: u32,
    /// Interarrival jitter (RFC 3550 §A.8), in seconds.
    pub(super) jitter: f64,
    transit: Option<f64>,
    power: f64,
    samples: u64,
}

impl Heard {
    /// Packets that never came.
    pub(super) fn lost(&self) -> u64 {
        let Some(first) = self.first else { return 0 };
        let highest = u64::from(self.wraps) * 65_536 + u64::from(self.highest);
        (highest + 1)
            .saturating_sub(u64::from(first))
            .saturating_sub(self.packets)
    }

    /// Mean level in dBov; `None`: nothing that could be decoded.
    pub(super) fn level(&self) -> Option<f64> {
        let mean = self.power / (self.samples.max(1) as f64);
        (self.samples > 0).then(|| 10.0 * (mean / (32_768.0 * 32_768.0)).max(1e-13).log10())
    }

    fn packet(&mut self, sequence: u16, timestamp: u32, clock: f64, at: f64) {
        match self.first {
            None => {
                self.first = Some(sequence);
                self.highest = sequence;
            }
            Some(_) => {
                let ahead = sequence.wrapping_sub(self.highest);
                if ahead != 0 && ahead < 0x8000 {
                    self.wraps += u32::from(sequence < self.highest);
                    self.highest = sequence;
                }
            }
        }
        self.packets += 1;
        let transit = at - f64::from(timestamp) / clock;
        if let Some(before) = self.transit {
            // A stamp that wrapped, or a new stream, is no jitter.
            let moved = (transit - before).abs();
            if moved < 1.0 {
                self.jitter += (moved - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }
}

/// A voice under way. Dropping it ends it.
pub(super) struct Voice {
    /// Where it receives.
    pub(super) local: SocketAddr,
    far: watch::Sender<Option<Far>>,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

impl Voice {
    /// Listens beside the media address of the trunk's network.
    ///
    /// # Errors
    /// The system has no socket there.
    pub(super) async fn start(beside: IpAddr) -> std::io::Result<Self> {
        let socket = UdpSocket::bind((reachable(beside), 0)).await?;
        let local = socket.local_addr()?;
        let (far, target) = watch::channel(None);
        let heard = Arc::new(Mutex::new(Heard::default()));
        let task = tokio::spawn(run(socket, target, Arc::clone(&heard)));
        Ok(Self {
            local,
            far,
            heard,
            task,
        })
    }

    /// Says who is to hear the tone. Our relay is asked where it is bound: the address that it tells others may lie before a NAT.
    pub(super) fn aim(&self, far: Far, relay: IpAddr) {
        let address = SocketAddr::new(reachable(relay), far.address.port());
        self.far.send_replace(Some(Far { address, ..far }));
    }

    /// What has been heard so far.
    pub(super) fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address of this machine by which a socket at `bind` is reached.
pub(super) fn reachable(bind: IpAddr) -> IpAddr {
    match bind {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

/// The sending side.
struct Mouth {
    far: Far,
    player: Player,
    sequence: u16,
    timestamp: u32,
}

async fn run(socket: UdpSocket, mut target: watch::Receiver<Option<Far>>, heard: Arc<Mutex<Heard>>) {
    let mut buffer = vec![0; LONGEST];
    let mut mouth: Option<Mouth> = None;
    let mut ear: Option<(Codec, Decoder)> = None;
    let began = Instant::now();
    loop {
        let due = mouth.as_ref().and_then(|mouth| mouth.player.poll_timeout());
        let due = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
        tokio::select! {
            changed = target.changed() => {
                if changed.is_err() {
                    return;
                }
                let far = *target.borrow_and_update();
                mouth = far.and_then(|far| speak(far, mouth.as_ref()));
                ear = far.and_then(|far| {
                    let codec = far.codec?;
                    Some((codec, Decoder::new(codec, 8_000).ok()?))
                });
            }
            got = socket.recv_from(&mut buffer) => {
                let Ok((length, _)) = got else { continue };
                let far = *target.borrow();
                let packet = buffer.get(..length).unwrap_or_default();
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                listen(&mut heard, packet, far, ear.as_mut(), began.elapsed().as_secs_f64());
            }
            () = tokio::time::sleep_until(due.into()) => {
                if let Some(mouth) = mouth.as_mut() {
                    while let Some(packet) = mouth.next() {
                        let sent = socket.send_to(&packet, mouth.far.address).await.is_ok();
                        heard.lock().unwrap_or_else(PoisonError::into_inner).sent += u64::from(sent);
                    }
                }
            }
        }
    }
}

/// Another listener, or another codec, of the same stream.
fn speak(far: Far, before: Option<&Mouth>) -> Option<Mouth> {
    let format = Format::new(far.codec?);
    let player = Player::new(&format, Program::Tone(&TONE, None), Instant::now()).ok()?;
    Some(Mouth {
        far,
        player,
        sequence: before.map_or(1, |mouth| mouth.sequence),
        timestamp: before.map_or(0, |mouth| mouth.timestamp),
    })
}

impl Mouth {
    /// The next packet whose time has come.
    fn next(&mut self) -> Option<Vec<u8>> {
        const HEADER: usize = 12;
        const SSRC: u32 = 0x5445_5354;
        let mut packet = vec![0; LONGEST];
        let payload = packet.get_mut(HEADER..)?;
        let frame = self.player.poll(Instant::now(), payload)?;
        self.timestamp = self.timestamp.wrapping_add(frame.step);
        let marker = u8::from(frame.marker) << 7;
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&[0x80, marker | self.far.payload]);
        header.extend_from_slice(&self.sequence.to_be_bytes());
        header.extend_from_slice(&self.timestamp.to_be_bytes());
        header.extend_from_slice(&SSRC.to_be_bytes());
        packet.get_mut(..HEADER)?.copy_from_slice(&header);
        packet.truncate(HEADER + frame.len);
        self.sequence = self.sequence.wrapping_add(1);
        Some(packet)
    }
}

fn listen(heard: &mut Heard, packet: &[u8], far: Option<Far>, ear: Option<&mut (Codec, Decoder)>, at: f64) {
    let Ok(reader) = rtp_rs::RtpReader::new(packet) else {
        return;
    };
    if far.is_some_and(|far| far.payload != reader.payload_type()) {
        heard.others += 1;
        return;
    }
    let clock = far.and_then(|far| far.codec).map_or(8_000, Codec::clock);
    heard.packet(
        reader.sequence_number().into(),
        reader.timestamp(),
        f64::from(clock),
        at,
    );
    let Some((_, decoder)) = ear else { return };
    let mut samples = vec![0; SAMPLES];
    if let Ok(length) = decoder.decode(reader.payload(), &mut samples) {
        let power: f64 = samples.iter().take(length).map(|s| f64::from(*s).powi(2)).sum();
        heard.power += power;
        heard.samples += length as u64;
    }
}
