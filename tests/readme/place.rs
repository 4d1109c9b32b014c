//! A folder that looks like the repository to the README's commands, and the servers that they
//! start in it.
//!
//! Commands run as they stand, with two differences. `cargo`, `docker`, `tests/run` and
//! `tests/bench/run` are stand-ins: `cargo run` is the program that the tests were built with, and
//! the others check what they are asked for and do nothing. And the ports 8080 and 8081 of the README are whatever
//! ports the server got.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Where the README says that clients connect, and where the admin listener is.
const LISTEN: &str = "127.0.0.1:8080";
const ADMIN: &str = "127.0.0.1:8081";
/// A port of the system's choice.
const FREE: &str = "127.0.0.1:0";

/// The longest that one block may take: installing an SDK over a slow network.
const PATIENCE: Duration = Duration::from_secs(300);
/// The longest that a server may take to tell its addresses.
const START: Duration = Duration::from_secs(30);

/// The SDKs, which are kept from run to run: they have fixed versions, and take a while to install.
const SDKS: &str = "polytomic-demo";

/// A folder for commands.
pub struct Place {
    folder: PathBuf,
    programs: PathBuf,
}

/// A running server, ended when dropped.
pub struct Server {
    child: Child,
    listen: String,
    admin: String,
}

impl Place {
    /// Makes the folder afresh.
    pub fn prepare() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
        let place = Self { folder: root.join("repository"), programs: root.join("programs") };
        fs::create_dir_all(&place.folder).unwrap();
        fs::create_dir_all(&place.programs).unwrap();
        for entry in fs::read_dir(&place.folder).unwrap().map(Result::unwrap) {
            if entry.file_name() == SDKS {
                continue;
            }
            match entry.file_type().unwrap().is_dir() {
                true => fs::remove_dir_all(entry.path()).unwrap(),
                false => fs::remove_file(entry.path()).unwrap(),
            }
        }
        copy(&crate::repository().join("rewrite-rules"), &place.folder.join("rewrite-rules"));
        place.stand_ins();
        place
    }

    /// Writes a file of the README.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).unwrap();
    }

    /// Runs commands to their end, which has to be a success, and gives what they print.
    pub fn run(&self, server: Option<&Server>, commands: &str, here: &str) -> String {
        let (listen, admin) = match server {
            Some(server) => (server.listen.as_str(), server.admin.as_str()),
            None => (FREE, FREE),
        };
        let mut child = self.start(commands, listen, admin);
        let output = read(child.stdout.take().unwrap());
        let errors = read(child.stderr.take().unwrap());
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                end(&mut child);
                panic!("{here} takes longer than {PATIENCE:?}:\n{commands}");
            }
            thread::sleep(Duration::from_millis(5));
        };
        let (output, errors) = (output.join().unwrap(), errors.join().unwrap());
        assert!(status.success(), "{here} fails ({status}):\n{commands}\n{output}\n{errors}");
        // Said without the server, the addresses are what the README says.
        match server {
            Some(_) => output.replace(listen, LISTEN).replace(admin, ADMIN),
            None => output,
        }
    }

    /// Starts a server and waits until it has told its addresses.
    pub fn serve(&self, command: &str, here: &str) -> Server {
        let mut child = self.start(command, FREE, FREE);
        drop(read(child.stdout.take().unwrap()));
        let (sender, lines) = mpsc::channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        // Read to its end in any case: a full pipe would stop the server.
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut server = Server { child, listen: String::new(), admin: String::new() };
        let mut said = String::new();
        let begun = Instant::now();
        while let Ok(line) = lines.recv_timeout(START.saturating_sub(begun.elapsed())) {
            if let (Some(listen), Some(admin)) = (field(&line, "listen"), field(&line, "admin")) {
                (server.listen, server.admin) = (listen, admin);
                return server;
            }
            said.push_str(&line);
            said.push('\n');
        }
        panic!("{here} told no addresses:\n{command}\n{said}");
    }

    fn start(&self, commands: &str, listen: &str, admin: &str) -> Child {
        let commands = commands.replace(LISTEN, listen).replace(ADMIN, admin);
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command.args(["-e", "-o", "pipefail", "-c", &commands]);
        // What the tests were started with is not what a reader has.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SHIM_") {
                command.env_remove(name);
            }
        }
        command
            .env("PATH", format!("{}:{path}", self.programs.display()))
            .env("SHIM_LISTEN", listen)
            .env("SHIM_ADMIN", admin)
            .current_dir(&self.folder)
            // A group of its own, so that what it has started can be ended with it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn stand_ins(&self) {
        let shim = env!("CARGO_BIN_EXE_polytomic-shim");
        let repository = crate::repository().display();
        script(&self.programs.join("polytomic-shim"), &format!("exec '{shim}' \"$@\""));
        script(
            &self.programs.join("cargo"),
            &format!(
                r#"case "$1 $2" in
    "run --release") [ "$3" = -- ] && shift 3 && exec '{shim}' "$@" ;;
    "test --test") [ -n "$3" ] && exec test -e '{repository}/tests/'"$3"/main.rs ;;
esac
echo "no stand-in for: cargo $*" >&2
exit 64"#
            ),
        );
        // What stands behind these words, tests/run manifests checks.
        let checked = "case $1 in build | run) exit 0 ;; esac; exit 64";
        script(&self.programs.join("docker"), checked);
        for name in ["tests/run", "tests/bench/run"] {
            let path = self.folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // With --help it does nothing, and still refuses the name of a stage that there is not.
            script(&path, &format!("exec '{repository}/{name}' \"$@\" --help"));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends a child and everything that it has started.
fn end(child: &mut Child) {
    // The group has the number of its first process, which is not reused before it is waited for.
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    let _ = child.wait();
}

/// A field of a log line written for people.
fn field(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!(" {name}="))?;
    Some(rest.split(' ').next()?.to_owned())
}

/// Reads a stream to its end, in a thread of its own.
fn read(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
