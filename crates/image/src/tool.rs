//! Running a build tool: its lines go to the listener as they come, the last ones into the error.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::BuildError;

/// Lines of a failed tool that its error repeats: a compiler's last error fits.
const TAIL_LINES: usize = 40;
/// Longer lines are cut: a tool that prints a bundle on one line must not fill the memory.
const MAX_LINE: u64 = 16 << 10;
/// Lines that may wait for the listener before the tool has to.
const QUEUE: usize = 256;
/// What a captured tool may print: `cargo metadata` of a workspace with 1,000 packages is 10 MB.
const MAX_CAPTURE: u64 = 64 << 20;
/// How often a silent tool's listener is asked whether it still wants the result: below what a person notices.
const LOOK: Duration = Duration::from_millis(100);
/// From asking a tool to end to ending it: Cargo and npm need milliseconds.
const GRACE: Duration = Duration::from_secs(5);

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// Whom a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// People: it is repeated when the tool fails.
    People,
    /// The caller alone.
    Us,
}

/// Runs `argv` in `dir` to its end, or until `stop` says so. Every line of both streams goes to `on_line` as it comes.
///
/// The tool leads a process group of its own, so that what it started ends with it, and so that Ctrl-C reaches it
/// through us alone, once.
pub(crate) fn run(
    argv: &[String],
    dir: &Path,
    env: &[(String, OsString)],
    on_line: &mut dyn FnMut(Stream, &str) -> For,
    stop: &dyn Fn() -> bool,
) -> Result<(), BuildError> {
    let mut child = spawn(argv, dir, env)?;
    let (sender, receiver) = sync_channel(QUEUE);
    let readers = [
        child
            .stdout
            .take()
            .map(|pipe| spawn_reader(pipe, Stream::Out, sender.clone())),
        child
            .stderr
            .take()
            .map(|pipe| spawn_reader(pipe, Stream::Err, sender.clone())),
    ];
    drop(sender);
    let mut tail = VecDeque::new();
    loop {
        if stop() {
            end(&mut child);
            return Err(BuildError::Stopped);
        }
        let (stream, line) = match receiver.recv_timeout(LOOK) {
            Ok(found) => found,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if on_line(stream, &line) == For::Us {
            continue;
        }
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    for reader in readers.into_iter().flatten() {
        // A reader cannot panic; were it to, its lines are only for people.
        let _ = reader.join();
    }
    succeeded(&mut child, argv, dir, tail.into())
}

/// Runs `argv` in `dir` to its end, or until `stop` says so. Returns what it wrote to its standard output.
pub(crate) fn capture(
    argv: &[String],
    dir: &Path,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<u8>, BuildError> {
    let mut child = spawn(argv, dir, &[])?;
    let (sender, receiver) = sync_channel(2);
    let out = child
        .stdout
        .take()
        .map(|pipe| spawn_collector(pipe, sender.clone()));
    let err = child
        .stderr
        .take()
        .map(|pipe| spawn_collector(pipe, sender.clone()));
    drop(sender);
    loop {
        if stop() {
            end(&mut child);
            return Err(BuildError::Stopped);
        }
        if matches!(
            receiver.recv_timeout(LOOK),
            Err(RecvTimeoutError::Disconnected)
        ) {
            break;
        }
    }
    // A collector cannot panic; were it to, there would be nothing to return.
    let collected = |thread: Option<thread::JoinHandle<Vec<u8>>>| {
        thread
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    };
    let (out, err) = (collected(out), collected(err));
    let text = String::from_utf8_lossy(&err);
    let lines: Vec<&str> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    succeeded(
        &mut child,
        argv,
        dir,
        tail.iter().map(|line| (*line).to_owned()).collect(),
    )?;
    if out.len() as u64 > MAX_CAPTURE {
        return Err(BuildError::TooLarge {
            limit: MAX_CAPTURE,
            unit: "bytes",
        });
    }
    Ok(out)
}

fn spawn(argv: &[String], dir: &Path, env: &[(String, OsString)]) -> Result<Child, BuildError> {
    let (program, rest) = argv.split_first().ok_or_else(|| no_tool(""))?;
    Command::new(program)
        .args(rest)
        .current_dir(dir)
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => no_tool(program),
            _ => BuildError::io("run", program)(error),
        })
}

fn succeeded(
    child: &mut Child,
    argv: &[String],
    dir: &Path,
    tail: Vec<String>,
) -> Result<(), BuildError> {
    let program = argv.first().map(String::as_str).unwrap_or_default();
    let status = child.wait().map_err(BuildError::io("wait for", program))?;
    if status.success() {
        return Ok(());
    }
    Err(BuildError::ToolFailed {
        command: argv.join(" "),
        dir: dir.to_owned(),
        status: status.to_string(),
        tail,
    })
}

/// Asks the tool's whole group to end, and ends it when it does not. Its readers end with the pipes.
fn end(child: &mut Child) {
    let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return;
    };
    // A group that is gone already is what we want.
    let _ = kill_process_group(group, Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    // What outlived its leader goes too.
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}

fn spawn_reader(
    pipe: impl Read + Send + 'static,
    stream: Stream,
    sender: SyncSender<(Stream, String)>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while let Ok(count) = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line) {
            if count == 0 {
                return;
            }
            let text = String::from_utf8_lossy(&line);
            if sender.send((stream, text.trim_end().to_owned())).is_err() {
                return;
            }
            line.clear();
        }
    })
}

/// Reads to the end, and keeps one byte more than may be captured, so that the end is not mistaken.
fn spawn_collector(
    mut pipe: impl Read + Send + 'static,
    alive: SyncSender<()>,
) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks ends with its tool, whose status says more.
        let _ = (&mut pipe).take(MAX_CAPTURE + 1).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        drop(alive);
        bytes
    })
}

fn no_tool(program: &str) -> BuildError {
    let advice = match program {
        "cargo" => "install a Rust toolchain (rustup.rs)",
        "npm" | "npx" | "node" => "install Node.js 20.19 or newer (package `nodejs` and `npm`)",
        _ => "install it, or name its full path in the app's file",
    };
    BuildError::NoTool {
        program: program.to_owned(),
        advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn lines_arrive_by_stream_and_a_failure_repeats_those_for_people() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let error = run(
            &sh("echo built; echo broken >&2; exit 3"),
            Path::new("/"),
            &[],
            &mut |stream, line| match stream {
                Stream::Out => {
                    out.push(line.to_owned());
                    For::Us
                }
                Stream::Err => {
                    err.push(line.to_owned());
                    For::People
                }
            },
            &|| false,
        )
        .unwrap_err();
        assert_eq!(
            (out, err),
            (vec!["built".to_owned()], vec!["broken".to_owned()])
        );
        let BuildError::ToolFailed { tail, status, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(tail, ["broken"], "what was for us alone is not repeated");
        assert!(status.contains('3'), "{status}");
    }

    #[test]
    fn a_tool_that_prints_without_an_end_of_line_stays_bounded() {
        let mut longest = 0;
        run(
            &sh("head -c 200000 /dev/zero | tr '\\0' x"),
            Path::new("/"),
            &[],
            &mut |_, line| {
                longest = longest.max(line.len());
                For::People
            },
            &|| false,
        )
        .unwrap();
        assert_eq!(longest as u64, MAX_LINE);
    }

    #[test]
    fn a_stopped_tool_takes_what_it_started_with_it() {
        let heard = std::cell::RefCell::new(None);
        let error = run(
            &sh("sleep 1000 & echo $!; wait"),
            Path::new("/"),
            &[],
            &mut |_, line| {
                *heard.borrow_mut() = Some(line.to_owned());
                For::People
            },
            &|| heard.borrow().is_some(),
        )
        .unwrap_err();
        assert!(matches!(error, BuildError::Stopped), "{error}");
        let stat = format!("/proc/{}/stat", heard.into_inner().unwrap());
        let deadline = Instant::now() + GRACE;
        // An orphan that nobody reaps yet is dead all the same.
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z")) {
            assert!(Instant::now() < deadline, "the tool's child lives");
            thread::yield_now();
        }
    }

    #[test]
    fn a_missing_tool_is_named_with_what_to_install() {
        let argv = ["plimsoll-no-such-tool".to_owned()];
        let error = run(&argv, Path::new("/"), &[], &mut |_, _| For::People, &|| {
            false
        })
        .unwrap_err();
        assert!(
            error.to_string().contains("plimsoll-no-such-tool"),
            "{error}"
        );
    }
}
