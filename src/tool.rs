//! External tools: where they are, which version they have, what they said when they failed.
//!
//! A tool runs in a process group of its own beside a guard that waits on a pipe from sluice. When the pipe closes, because
//! the tool has ended, its time is over, or sluice itself was stopped in whatever way, the guard ends the whole group: no
//! compiler or router runs on after Ctrl-C.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result};

/// How long one run of a tool may take, in seconds, unless the environment variable [`LIMIT`] says otherwise. Compiling
/// the simulation of a large design, or placing one, takes many minutes on a small machine.
const DEFAULT_LIMIT: u64 = 3600;
/// How long a tool may take to say its version: one that does not answer is broken.
const VERSION_LIMIT: Duration = Duration::from_secs(10);
/// The same for the tools of YoWASP, which compile themselves when they are first started.
const FIRST_START_LIMIT: Duration = Duration::from_secs(120);
/// The environment variable.
const LIMIT: &str = "SLUICE_TOOL_TIMEOUT";

/// Starts the guard, its parent gone so that the tool has no child it does not know, and becomes the tool.
const GUARDED: &str = r#"exec 3<&0 </dev/null; ( { read -r _ <&3; kill -9 0; } & ); exec "$0" "$@" 3<&-"#;

/// A program found on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The name it was asked for by.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// The first line of its own version text.
    pub version: String,
}

/// The environment variable with folders to look in first, separated as in `PATH`.
const FOLDERS: &str = "SLUICE_TOOLS";

/// Where tools are looked for, in order: the folders of `SLUICE_TOOLS`, then those of `PATH`, then the virtual environment
/// that `scripts/setup` makes, `venv/bin` in the build folder that this program lies in or in `target` of the working folder.
fn folders() -> Vec<PathBuf> {
    let listed = |name| std::env::var_os(name).map(|p| std::env::split_paths(&p).collect()).unwrap_or_else(Vec::new);
    let exe = std::env::current_exe().and_then(std::fs::canonicalize).unwrap_or_default();
    // `target/release/sluice`, and one folder further down for tests and benches.
    let built = exe.ancestors().skip(2).take(2).map(|folder| folder.join("venv/bin"));
    let here = std::env::current_dir().unwrap_or_default().join("target/venv/bin");
    [listed(FOLDERS), listed("PATH")].concat().into_iter().chain(built).chain([here]).collect()
}

/// Finds `name` on `PATH`, in `SLUICE_TOOLS`, or in the virtual environment of `scripts/setup`.
///
/// * `hint`: how to install it, for example "apt install verilator"
///
/// # Errors
/// [`Code::MissingTool`] if it is nowhere or does not run; [`Code::ToolTimeout`] if it does not say its version in time.
pub fn tool(name: &str, hint: &str) -> Result<Tool> {
    let missing = |cause: &str| Error::new(Code::MissingTool, format!("{name} {cause}")).hint(hint);
    let path = folders()
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| missing("not found"))?;
    let flag = if matches!(name, "yosys" | "iverilog" | "vvp") { "-V" } else { "--version" };
    let limit = if name.starts_with("yowasp-") { FIRST_START_LIMIT } else { VERSION_LIMIT };
    let stuck = |cause: String| missing("is there but does not run").at(path.display().to_string()).cause(cause);
    let (status, text) = version(&path, flag, limit).map_err(|e| stuck(e.to_string()))?;
    match status.map(|s| s.code()) {
        None => {
            let what = format!("{name} did not say its version within {} s and was stopped", limit.as_secs());
            return Err(Error::new(Code::ToolTimeout, what)
                .at(path.display().to_string())
                .hint(format!("try `{} {flag}`", path.display())));
        }
        // The shell's word for a file that it cannot start.
        Some(Some(126 | 127)) => return Err(stuck(last_lines(&text, 1))),
        Some(_) => {}
    }
    let version = text.lines().next().unwrap_or("unknown version").trim().to_owned();
    Ok(Tool { name: name.to_owned(), path, version })
}

/// How the question for the version ended, `None` if it had to be stopped, and what it printed: stdout, then stderr, where
/// nextpnr writes its version.
fn version(path: &Path, flag: &str, limit: Duration) -> std::io::Result<(Option<ExitStatus>, String)> {
    let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let status = guarded(path, &[flag], None, (&out, &err), limit)?;
    let text = [read_back(&mut out)?, read_back(&mut err)?].concat();
    Ok((status, text))
}

/// Runs a program beside its guard; `None` if it did not end in time and was stopped.
fn guarded<S: AsRef<std::ffi::OsStr>>(
    path: &Path,
    args: &[S],
    folder: Option<&Path>,
    (out, err): (&File, &File),
    limit: Duration,
) -> std::io::Result<Option<ExitStatus>> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GUARDED]).arg(path).args(args);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let command = command.stdin(Stdio::piped()).stdout(out.try_clone()?).stderr(err.try_clone()?);
    wait(&mut command.process_group(0).spawn()?, limit)
}

/// All that was written to `file`.
fn read_back(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Tool {
    /// Runs the tool in `folder` and returns what it printed on stdout and stderr.
    ///
    /// # Errors
    /// [`Code::ToolFailed`] with the last lines of its log if it exits with anything but 0; [`Code::ToolTimeout`] if it does
    /// not end in time.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, folder: &Path, args: &[S]) -> Result<String> {
        self.run_within(folder, args, default_limit())
    }

    /// [`run`](Self::run) with a limit of its own.
    ///
    /// # Errors
    /// The same.
    pub fn run_within<S: AsRef<std::ffi::OsStr>>(&self, folder: &Path, args: &[S], limit: Duration) -> Result<String> {
        let start = |e: std::io::Error| {
            Error::new(Code::ToolFailed, format!("cannot start {}", self.name)).cause(e.to_string())
        };
        // A file, not a pipe: nobody has to read it while the tool runs.
        let mut log = tempfile::tempfile().map_err(start)?;
        let status = guarded(&self.path, args, Some(folder), (&log, &log), limit).map_err(start)?;
        let log = read_back(&mut log).map_err(start)?;
        let failed = |code: Code, what: String| {
            Error::new(code, format!("{} {what}", self.name))
                .note("log", last_lines(&log, 12))
                .note("tool", format!("{} ({})", self.path.display(), self.version))
        };
        match status {
            Some(status) if status.success() => Ok(log),
            Some(status) => Err(failed(Code::ToolFailed, format!("failed: {status}"))),
            None => Err(failed(Code::ToolTimeout, format!("did not end within {} s and was stopped", limit.as_secs()))
                .hint(format!("set {LIMIT} to more seconds, or take a smaller design"))),
        }
    }
}

/// The limit of a run for which nothing else was asked.
pub fn default_limit() -> Duration {
    Duration::from_secs(std::env::var(LIMIT).ok().and_then(|s| s.parse().ok()).unwrap_or(DEFAULT_LIMIT))
}

/// Waits for the child; `None` if it had to be stopped. Closes the guard's pipe in any case.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            drop(child.stdin.take());
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            drop(child.stdin.take());
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause.min(limit.saturating_sub(start.elapsed())));
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// The last `n` lines of `log` that are not blank.
fn last_lines(log: &str, n: usize) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(n)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_tool_is_named_with_the_way_to_install_it() {
        let e = tool("sluice-no-such-tool", "apt install nothing").unwrap_err();
        assert_eq!(e.to_string(), "error[X001]: sluice-no-such-tool not found\n  hint:  apt install nothing");
    }

    /// An executable script.
    fn script(folder: &Path, name: &str, mode: u32, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_version_is_read_from_stdout_before_stderr_and_not_waited_for_longer_than_asked() {
        let folder = tempfile::tempdir().unwrap();
        let talks = script(folder.path(), "talks", 0o755, "#!/bin/sh\necho noise >&2\necho \"talks $1\"\n");
        let (status, text) = version(&talks, "--version", Duration::from_secs(60)).unwrap();
        assert!(status.unwrap().success());
        assert_eq!(text, "talks --version\nnoise\n");
        let hangs = script(folder.path(), "hangs", 0o755, "#!/bin/sh\nsleep 60\n");
        let begun = Instant::now();
        assert!(version(&hangs, "--version", Duration::from_millis(300)).unwrap().0.is_none());
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_failing_tool_shows_the_end_of_its_log() {
        let sh = Tool { name: "sh".into(), path: "/bin/sh".into(), version: "any".into() };
        let e = sh.run(Path::new("."), &["-c", "echo first; seq 20; echo why >&2; exit 3"]).unwrap_err();
        assert_eq!(e.code(), Code::ToolFailed);
        let text = e.to_string();
        assert!(text.contains("why") && text.contains("20") && !text.contains("first"), "{text}");
    }

    #[test]
    fn a_tool_that_does_not_end_is_stopped_with_everything_it_started() {
        let sh = Tool { name: "sh".into(), path: "/bin/sh".into(), version: "any".into() };
        let folder = tempfile::tempdir().unwrap();
        let script = "echo begun; (sleep 2; echo late > late) & sleep 60";
        let e = sh.run_within(folder.path(), &["-c", script], Duration::from_millis(300)).unwrap_err();
        let text = e.to_string();
        assert!(e.code() == Code::ToolTimeout && text.contains("did not end within 0 s"), "{text}");
        assert!(text.contains("begun") && text.contains("SLUICE_TOOL_TIMEOUT"), "{text}");
        std::thread::sleep(Duration::from_millis(2500));
        assert!(!folder.path().join("late").exists(), "a grandchild lives on");
    }
}
