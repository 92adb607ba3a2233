//! What a test call says and hears: a tone and digits out, and what comes back counted and measured.

mod digits;
mod heard;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use audio::tone::Part;
use audio::{Codec, Decoder, Format, Player, Program};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use digits::Keypad;
pub(super) use heard::{Heard, Tone};

/// What the caller says: 1004 Hz at -10 dBm0, as lines are measured with (ITU-T O.6 has 1020 Hz, North America 1004).
static TONE: [Part; 1] = [Part::one(1004.0, -10.0, 1000)];

/// What the called side says where it is a test's too: another one, so that an echo is not taken for it.
static BACK: [Part; 1] = [Part::one(1604.0, -10.0, 1000)];

/// Digits that wait to be pressed.
const MOST_DIGITS: usize = 16;

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
    /// The payload type of telephone events, where they are agreed.
    pub(super) events: Option<u8>,
}

/// A voice under way. Dropping it ends it.
pub(super) struct Voice {
    /// Where it receives.
    pub(super) local: SocketAddr,
    far: watch::Sender<Option<Far>>,
    heard: Arc<Mutex<Heard>>,
    keys: mpsc::Sender<u8>,
    task: JoinHandle<()>,
}

impl Voice {
    /// Listens beside the media address of the trunk's network.
    ///
    /// # Errors
    /// The system has no socket there.
    pub(super) async fn start(beside: IpAddr, tone: Tone) -> std::io::Result<Self> {
        let socket = UdpSocket::bind((reachable(beside), 0)).await?;
        let local = socket.local_addr()?;
        let (far, target) = watch::channel(None);
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (keys, pressed) = mpsc::channel(MOST_DIGITS);
        let task = tokio::spawn(run(socket, target, (tone, pressed), Arc::clone(&heard)));
        Ok(Self {
            local,
            far,
            heard,
            keys,
            task,
        })
    }

    /// Says who is to hear the tone. Our relay is asked where it is bound: the address that it tells others may lie before a NAT.
    pub(super) fn aim(&self, far: Far, relay: IpAddr) {
        let address = SocketAddr::new(reachable(relay), far.address.port());
        self.far.send_replace(Some(Far { address, ..far }));
    }

    /// Presses a key, by its telephone event (0 to 15): in the place of the tone for a tenth of a second.
    pub(super) fn press(&self, event: u8) {
        // As many wait as there is room for; a test presses a few.
        let _ = self.keys.try_send(event);
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
    keypad: Keypad,
}

async fn run(
    socket: UdpSocket,
    mut target: watch::Receiver<Option<Far>>,
    (tone, mut keys): (Tone, mpsc::Receiver<u8>),
    heard: Arc<Mutex<Heard>>,
) {
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
                mouth = far.and_then(|far| speak(far, tone, mouth.as_ref()));
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
                    while let Ok(event) = keys.try_recv() {
                        mouth.keypad.press(event);
                    }
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
fn speak(far: Far, tone: Tone, before: Option<&Mouth>) -> Option<Mouth> {
    let format = Format::new(far.codec?);
    let parts = match tone {
        Tone::Caller => &TONE,
        Tone::Called => &BACK,
    };
    let player = Player::new(&format, Program::Tone(parts, None), Instant::now()).ok()?;
    Some(Mouth {
        far,
        player,
        sequence: before.map_or(1, |mouth| mouth.sequence),
        timestamp: before.map_or(0, |mouth| mouth.timestamp),
        keypad: before.map_or_else(Keypad::default, |mouth| mouth.keypad.clone()),
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
        // While a key is down its event goes in the place of the tone.
        let key = self
            .far
            .events
            .and_then(|events| Some((events, self.keypad.next(self.timestamp, frame.step)?)));
        let (kind, marker, timestamp, length) = match key {
            Some((events, key)) => {
                packet.get_mut(HEADER..HEADER + 4)?.copy_from_slice(&key.payload);
                (events, key.first, key.timestamp, 4)
            }
            None => (self.far.payload, frame.marker, self.timestamp, frame.len),
        };
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&[0x80, u8::from(marker) << 7 | kind]);
        header.extend_from_slice(&self.sequence.to_be_bytes());
        header.extend_from_slice(&timestamp.to_be_bytes());
        header.extend_from_slice(&SSRC.to_be_bytes());
        packet.get_mut(..HEADER)?.copy_from_slice(&header);
        packet.truncate(HEADER + length);
        self.sequence = self.sequence.wrapping_add(1);
        Some(packet)
    }
}

fn listen(heard: &mut Heard, packet: &[u8], far: Option<Far>, ear: Option<&mut (Codec, Decoder)>, at: f64) {
    let Ok(reader) = rtp_rs::RtpReader::new(packet) else {
        return;
    };
    let kind = reader.payload_type();
    if far.is_some_and(|far| far.events == Some(kind)) {
        heard.event(
            reader.sequence_number().into(),
            reader.timestamp(),
            reader.payload(),
        );
        return;
    }
    if far.is_some_and(|far| far.payload != kind) {
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
        heard.samples(samples.get(..length).unwrap_or_default());
    }
}
