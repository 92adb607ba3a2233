//! Writes `sipp-scenarios/speech.ulaw`, the audio that calls of the tests carry.

fn main() -> std::io::Result<()> {
    std::fs::write(
        testbed::sipp::scenario_dir().join("speech.ulaw"),
        testbed::audio::speech(),
    )
}
