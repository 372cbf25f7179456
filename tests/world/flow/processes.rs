//! The processes of a flow: each tier has one, or several instances that share its store.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Flow, program};

/// How long a process may take to say that it runs.
const START: Duration = Duration::from_secs(30);

/// What the instances of a tier are called.
pub(super) fn instance_name(instance: usize) -> String {
    format!("instance-{instance}")
}

impl Flow {
    /// Starts a tier's process and waits until it says that it runs.
    pub fn start(&mut self, at: usize) {
        self.start_instance(at, 0);
    }

    /// Starts one of a tier's instances and waits until it says that it runs.
    pub fn start_instance(&mut self, at: usize, instance: usize) {
        self.spawn(at, instance, &[]);
        self.is_running(at, instance);
    }

    /// Starts every instance of every tier, and waits for all of them.
    pub fn start_all(&mut self) {
        let seats = self.seats();
        for (at, instance) in &seats {
            self.spawn(*at, *instance, &[]);
        }
        for (at, instance) in seats {
            self.is_running(at, instance);
        }
    }

    /// Every instance of every tier.
    pub fn seats(&self) -> Vec<(usize, usize)> {
        let of = |at| (0..self.plan.instances).map(move |instance| (at, instance));
        (0..self.plan.tiers.len()).flat_map(of).collect()
    }

    /// As [`Self::start`], with the data folder on a small disk of its own, which only the process
    /// sees and which is gone with it.
    pub fn start_on_own_disk(&mut self, at: usize, size: &str) {
        let mount = format!("mount -t tmpfs -o size={size} tmpfs \"$0\" && exec \"$@\"");
        let data = self.of(at).join("data");
        let data = data.to_str().expect("UTF-8");
        // In a user namespace whoever calls may mount.
        self.spawn(at, 0, &["unshare", "-r", "-m", "sh", "-c", &mount, data]);
        self.is_running(at, 0);
        self.own_disk[at] = true;
    }

    /// Starts the program, or a command that becomes it.
    fn spawn(&mut self, at: usize, instance: usize, before: &[&str]) {
        let seat = (at, instance);
        assert!(!self.processes.contains_key(&seat), "{} runs already", self.name(at));
        let log = std::fs::File::create(self.log(at, instance)).expect("a file");
        let mut words: Vec<&OsStr> = before.iter().map(AsRef::as_ref).collect();
        words.push(program().as_os_str());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["--lang", "en", "run", "--config"]);
        command.arg(self.of(at).join("node.toml")).stdin(Stdio::null());
        if self.plan.instances > 1 {
            command.args(["--instance", &instance_name(instance)]);
        }
        command.stdout(log.try_clone().expect("a file")).stderr(log);
        self.processes.insert(seat, command.spawn().expect("the program starts"));
    }

    #[track_caller]
    fn is_running(&mut self, at: usize, instance: usize) {
        self.says_by((at, instance), "is running");
    }

    /// The data folder of a tier, as its process sees it.
    pub fn data(&self, at: usize) -> PathBuf {
        let folder = self.of(at).join("data");
        let Some(child) = self.processes.get(&(at, 0)).filter(|_| self.own_disk[at]) else {
            return folder;
        };
        let seen = folder.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(child.id().to_string()).join("root").join(seen)
    }

    fn log(&self, at: usize, instance: usize) -> PathBuf {
        self.of(at).join(format!("log-{instance}"))
    }

    /// What a tier's process said so far.
    pub fn said(&self, at: usize) -> String {
        self.said_by(at, 0)
    }

    /// What one of a tier's instances said so far.
    pub fn said_by(&self, at: usize, instance: usize) -> String {
        std::fs::read_to_string(self.log(at, instance)).unwrap_or_default()
    }

    /// Waits until a tier's process has said something; it must live that long.
    #[track_caller]
    pub fn says(&mut self, at: usize, words: &str) {
        self.says_by((at, 0), words);
    }

    #[track_caller]
    fn says_by(&mut self, seat: (usize, usize), words: &str) {
        let (at, instance) = seat;
        let begun = Instant::now();
        loop {
            let said = self.said_by(at, instance);
            if said.contains(words) {
                return;
            }
            let child = self.processes.get_mut(&seat).expect("it was started");
            let ended = child.try_wait().expect("a child");
            let name = self.name(at);
            assert!(ended.is_none(), "{name} ended ({ended:?}) without `{words}`:\n{said}");
            assert!(begun.elapsed() < START, "no `{words}` in what {name} says:\n{said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL for a tier's process.
    pub fn kill(&mut self, at: usize) {
        self.kill_instance(at, 0);
    }

    /// SIGKILL for one of a tier's instances.
    pub fn kill_instance(&mut self, at: usize, instance: usize) {
        let mut child = self.processes.remove(&(at, instance)).expect("it was started");
        let ended = child.try_wait().expect("a child");
        let said = self.said_by(at, instance);
        assert!(ended.is_none(), "{} ended by itself: {said}", self.name(at));
        child.kill().expect("a child");
        child.wait().expect("a child");
    }
}
