//! Every call flow of `sipp-scenarios/`, both sides played against the daemon; `testbed::flows` has the table.

testbed::flow_tests!(env!("CARGO_BIN_EXE_tandem"));
