//! External tools: where they are, which version they have, and what they said when they failed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Code, Error, Result};

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

/// Finds `name` on `PATH` or in `target/venv/bin` below the current folder.
///
/// * `hint`: how to install it, for example "apt install verilator"
///
/// # Errors
/// [`Code::MissingTool`] if it is nowhere or does not run.
pub fn tool(name: &str, hint: &str) -> Result<Tool> {
    let venv = std::env::current_dir().unwrap_or_default().join("target/venv/bin");
    let folders = std::env::var_os("PATH").map(|p| std::env::split_paths(&p).collect::<Vec<_>>()).unwrap_or_default();
    let missing = |cause: &str| Error::new(Code::MissingTool, format!("{name} {cause}")).hint(hint);
    let path = folders
        .into_iter()
        .chain([venv])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| missing("not found"))?;
    let flag = if matches!(name, "yosys" | "iverilog" | "vvp") { "-V" } else { "--version" };
    let output = Command::new(&path)
        .arg(flag)
        .output()
        .map_err(|e| missing("is there but does not run").at(path.display().to_string()).cause(e.to_string()))?;
    // nextpnr writes its version to stderr.
    let text = [output.stdout, output.stderr].concat();
    let version = String::from_utf8_lossy(&text).lines().next().unwrap_or("unknown version").trim().to_owned();
    Ok(Tool { name: name.to_owned(), path, version })
}

impl Tool {
    /// Runs the tool in `folder` and returns what it printed on stdout and stderr.
    ///
    /// # Errors
    /// [`Code::ToolFailed`] with the last lines of its log if it exits with anything but 0.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, folder: &Path, args: &[S]) -> Result<String> {
        let output =
            Command::new(&self.path).args(args).current_dir(folder).output().map_err(|e| {
                Error::new(Code::ToolFailed, format!("cannot start {}", self.name)).cause(e.to_string())
            })?;
        let log = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            return Ok(log);
        }
        Err(Error::new(Code::ToolFailed, format!("{} failed: {}", self.name, output.status))
            .note("log", last_lines(&log, 12))
            .note("tool", format!("{} ({})", self.path.display(), self.version)))
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

    #[test]
    fn a_failing_tool_shows_the_end_of_its_log() {
        let sh = Tool { name: "sh".into(), path: "/bin/sh".into(), version: "any".into() };
        let e = sh.run(Path::new("."), &["-c", "echo first; seq 20; echo why >&2; exit 3"]).unwrap_err();
        assert_eq!(e.code(), Code::ToolFailed);
        let text = e.to_string();
        assert!(text.contains("why") && text.contains("20") && !text.contains("first"), "{text}");
    }
}
