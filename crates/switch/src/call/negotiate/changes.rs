//! Changes to a body for a trunk that stumbles over a line in it.

use config::SdpChanges;

/// The body as the trunk wants it: lines are left out or written anew, none of those that media needs.
pub(super) fn apply(changes: &SdpChanges, body: Vec<u8>) -> Vec<u8> {
    let SdpChanges {
        remove_attributes,
        remove_bandwidth,
        ptime,
    } = changes;
    if remove_attributes.is_empty() && !remove_bandwidth && ptime.is_none() {
        return body;
    }
    let is_removed = |name: &[u8]| {
        let named = |removed: &String| name.eq_ignore_ascii_case(removed.as_bytes());
        remove_attributes.iter().any(named) || (ptime.is_some() && matches!(name, b"ptime" | b"maxptime"))
    };
    let mut out = Vec::with_capacity(body.len() + 16);
    let mut audio = false;
    let end_audio = |out: &mut Vec<u8>, audio: bool| {
        if let (true, Some(ptime)) = (audio, ptime) {
            out.extend_from_slice(format!("a=ptime:{ptime}\r\n").as_bytes());
        }
    };
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if let Some(media) = line.strip_prefix(b"m=") {
            end_audio(&mut out, audio);
            audio = media.starts_with(b"audio ") && !media.starts_with(b"audio 0 ");
        }
        let removed = match line.strip_prefix(b"a=") {
            Some(attribute) => {
                let name = attribute
                    .split(|byte| matches!(byte, b':' | b'\r' | b'\n'))
                    .next();
                is_removed(name.unwrap_or_default())
            }
            None => *remove_bandwidth && line.starts_with(b"b="),
        };
        if !removed {
            out.extend_from_slice(line);
        }
    }
    end_audio(&mut out, audio);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "v=0\r\nb=AS:64\r\nt=0 0\r\na=rtcp-fb:x\r\nm=audio 1000 RTP/AVP 0\r\nb=TIAS:64000\r\na=rtpmap:0 PCMU/8000\r\n\
        a=rtcp:1001\r\na=ptime:20\r\na=maxptime:40\r\nm=video 0 RTP/AVP 96\r\n";

    #[test]
    fn lines_are_left_out_and_packet_times_written() {
        let changes = |remove: &[&str], remove_bandwidth, ptime| SdpChanges {
            remove_attributes: remove.iter().map(|name| (*name).to_owned()).collect(),
            remove_bandwidth,
            ptime,
        };
        let applied = |changes| String::from_utf8(apply(&changes, BODY.into())).unwrap();
        assert_eq!(applied(changes(&[], false, None)), BODY);
        assert_eq!(
            applied(changes(&["RTCP"], false, None)),
            BODY.replace("a=rtcp:1001\r\n", "")
        );
        let narrow = BODY.replace("b=AS:64\r\n", "").replace("b=TIAS:64000\r\n", "");
        assert_eq!(applied(changes(&[], true, None)), narrow);
        let timed = BODY.replace("a=ptime:20\r\na=maxptime:40\r\n", "a=ptime:30\r\n");
        assert_eq!(applied(changes(&[], false, Some(30))), timed);
    }
}
