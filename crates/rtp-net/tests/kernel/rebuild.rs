//! The committed program is what its source says.

use object::{Object, ObjectSection};
use std::path::Path;
use std::process::Command;

/// What the kernel runs, and what it needs to know of the maps. Type information varies with the headers' version.
const SECTIONS: [&str; 4] = ["classifier", ".relclassifier", ".maps", "license"];

#[test]
fn the_committed_program_is_built_from_its_source() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf");
    let clang = ["clang-14", "clang"]
        .into_iter()
        .find_map(|name| Command::new(name).arg("--version").output().ok());
    let Some(clang) = clang.filter(|out| String::from_utf8_lossy(&out.stdout).contains("version 14.")) else {
        let words =
            "NOT CHECKED: bpf/relay.bpf.o against its source, which takes clang 14 (make tools installs it)";
        return eprintln!("\n*** {words}\n");
    };
    assert!(clang.status.success());
    let built = std::env::temp_dir().join(format!("tandem-relay-{}.o", std::process::id()));
    let build = Command::new(directory.join("build"))
        .arg(&built)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "{errors}");
    let (fresh, committed) = (
        std::fs::read(&built),
        std::fs::read(directory.join("relay.bpf.o")),
    );
    std::fs::remove_file(&built).unwrap();
    let (fresh, committed) = (fresh.unwrap(), committed.unwrap());
    for section in SECTIONS {
        let data = |file: &[u8]| {
            let file = object::File::parse(file).unwrap();
            let found = file
                .section_by_name(section)
                .unwrap_or_else(|| panic!("no section {section}"));
            found.data().unwrap().to_vec()
        };
        let same = data(&fresh) == data(&committed);
        assert!(same, "{section}: relay.bpf.o is not of this source: make bpf");
    }
}
