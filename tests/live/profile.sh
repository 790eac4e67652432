# How the live tests build releases. Sourced, never run.
# What optimising changes is speed and size, which benches measure; here it would be minutes of waiting.
export CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
export CARGO_PROFILE_SMALL_LTO=off CARGO_PROFILE_SMALL_CODEGEN_UNITS=16
# The app of benches/deploy is built in a new folder each time, and its dependencies once.
export PLIMSOLL_SUBJECT_TARGET=$root/target/subject
