//! What the scenes play on: the four nodes of `demo --serve`, and a browser that looks at them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;
use tempfile::TempDir;

use tests::world::process::binary;

/// How long the story and the first page may take.
const BEGINS_WITHIN: Duration = Duration::from_secs(120);
/// How long something on a page may take.
pub(crate) const SEEN_WITHIN: Duration = Duration::from_secs(15);

/// How often a page is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A process that ends with whoever started it.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A tier's pages.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    /// Node code.
    pub(crate) node: String,
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    /// Links that work once, by the role whose account they open.
    pub(crate) links: Vec<(String, String)>,
}

/// The running demo and the driver of the browser.
pub(crate) struct Stage {
    _demo: Ends,
    _driver: Ends,
    _folder: TempDir,
    driver_port: u16,
    /// Every tier's pages, the lowest first.
    pub(crate) pages: Vec<Pages>,
    /// Where pictures go.
    pub(crate) pictures: PathBuf,
}

fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("an address").port()
}

/// Reads the demo's lines until it has told all its pages.
fn told(demo: &mut Child) -> Vec<Pages> {
    let output = demo.stdout.take().expect("its output");
    let (say, lines) = mpsc::channel();
    // It goes on being read, so that the demo never waits for us.
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if say.send(line).is_err() {
                // Nobody listens any more; the pipe is still emptied.
            }
        }
    });
    let (mut pages, mut heard) = (Vec::<Pages>::new(), Vec::new());
    let begun = Instant::now();
    loop {
        let left = BEGINS_WITHIN.saturating_sub(begun.elapsed());
        let Ok(line) = lines.recv_timeout(left) else {
            panic!("the demo told no pages within {BEGINS_WITHIN:?}:\n{}", heard.join("\n"));
        };
        if let Some(rest) = line.trim().strip_prefix("pages of ") {
            let (node, address) = rest.split_once(": ").expect("`NODE: ADDRESS`");
            pages.push(Pages { node: node.into(), address: address.into(), links: Vec::new() });
        } else if let (Some(last), Some(at)) = (pages.last_mut(), line.find("http://")) {
            let (role, link) = line.split_at(at);
            let role = role.trim().trim_end_matches(':').to_owned();
            last.links.push((role, link.trim().to_owned()));
        }
        let end = line.contains("Ctrl-C ends it");
        heard.push(line);
        if end {
            return pages;
        }
    }
}

impl Stage {
    /// Plays the story, and waits until its pages are there.
    pub(crate) fn set() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = binary();
        let mut demo = Command::new(&program);
        demo.args(["--lang", "en", "demo", "--serve", "--fast", "--cases", "100", "--data"]);
        demo.arg(folder.path().join("demo")).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut demo = Ends(demo.spawn().expect("the program starts"));
        let pages = told(&mut demo.0);
        let driver_port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={driver_port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let driver = Ends(driver.expect("chromedriver: Debian's package chromium-driver"));
        let profile = program.parent().and_then(Path::parent).expect("target");
        let pictures = profile.join("screenshots");
        std::fs::create_dir_all(&pictures).expect("a folder for pictures");
        Self { _demo: demo, _driver: driver, _folder: folder, driver_port, pages, pictures }
    }

    /// The pages of the tier whose code begins so.
    pub(crate) fn of(&self, tier: &str) -> &Pages {
        let found = self.pages.iter().find(|p| p.node.starts_with(tier));
        found.unwrap_or_else(|| panic!("no pages of {tier}: {:?}", self.pages))
    }

    /// A new browser, with or without scripts.
    pub(crate) async fn browser(&self, scripts: bool) -> Browser {
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1366,768",
        ];
        // 2 forbids a page's scripts; the driver's own still run.
        let scripts = if scripts { 1 } else { 2 };
        let wanted = json!({
            "goog:chromeOptions": {
                "args": args,
                "prefs": { "profile.managed_default_content_settings.javascript": scripts },
            },
            "browserName": "chrome",
        });
        let wanted = wanted.as_object().expect("an object").clone();
        let address = format!("http://127.0.0.1:{}", self.driver_port);
        let begun = Instant::now();
        loop {
            let mut builder =
                ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            match builder.capabilities(wanted.clone()).connect(&address).await {
                Ok(client) => return Browser { client, pictures: self.pictures.clone() },
                Err(e) if begun.elapsed() > SEEN_WITHIN => panic!("no browser: {e}"),
                // The driver is still starting.
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

/// One browser.
pub(crate) struct Browser {
    /// What drives it.
    pub(crate) client: Client,
    pictures: PathBuf,
}

impl Browser {
    /// Opens an address.
    pub(crate) async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap_or_else(|e| panic!("{address}: {e}"));
    }

    /// The text of what a selector finds, once it is there.
    pub(crate) async fn text(&self, css: &str) -> String {
        let begun = Instant::now();
        loop {
            // It may be found on the page that is just being left.
            let found = self.client.find(Locator::Css(css)).await;
            let text = match found {
                Ok(found) => found.text().await,
                Err(e) => Err(e),
            };
            match text {
                Ok(text) => return text,
                Err(e) if begun.elapsed() > SEEN_WITHIN => {
                    panic!("{css} at {}: {e}\n{}", self.address().await, self.body().await)
                }
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Opens an address until some words stand there.
    pub(crate) async fn until(&self, address: &str, words: &str) {
        let begun = Instant::now();
        loop {
            self.open(address).await;
            let body = self.body().await;
            if body.contains(words) {
                return;
            }
            assert!(begun.elapsed() < SEEN_WITHIN, "no `{words}` at {address}:\n{body}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// All that is written on the page.
    pub(crate) async fn body(&self) -> String {
        let body = self.client.find(Locator::Css("body")).await.expect("a body");
        body.text().await.expect("its text")
    }

    /// Whether a selector finds something now.
    pub(crate) async fn has(&self, css: &str) -> bool {
        self.client.find(Locator::Css(css)).await.is_ok()
    }

    /// Waits until some words stand on the page.
    pub(crate) async fn wait_for(&self, words: &str) {
        let begun = Instant::now();
        loop {
            // While the next page comes, there is none.
            let body = match self.client.find(Locator::Css("body")).await {
                Ok(body) => body.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if body.contains(words) {
                return;
            }
            assert!(
                begun.elapsed() < SEEN_WITHIN,
                "no `{words}` at {}:\n{body}",
                self.address().await
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Where it is.
    pub(crate) async fn address(&self) -> String {
        self.client.current_url().await.expect("an address").to_string()
    }

    /// Types into a field.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.client.wait().at_most(SEEN_WITHIN).for_element(Locator::Css(css)).await;
        let field = match field {
            Ok(field) => field,
            Err(e) => panic!("{css} at {}: {e}\n{}", self.address().await, self.body().await),
        };
        field.clear().await.expect("an empty field");
        field.send_keys(text).await.expect("typed");
    }

    /// Clicks, and waits until the next page is there.
    pub(crate) async fn click(&self, css: &str) {
        let found = self.client.wait().at_most(SEEN_WITHIN).for_element(Locator::Css(css)).await;
        let found = match found {
            Ok(found) => found,
            Err(e) => panic!("{css} at {}: {e}\n{}", self.address().await, self.body().await),
        };
        found.click().await.unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    /// Keeps a picture of the whole page.
    pub(crate) async fn picture(&self, name: &str) {
        let bytes = self.client.screenshot().await.expect("a picture");
        std::fs::write(self.pictures.join(format!("{name}.png")), bytes).expect("it is kept");
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        self.client.close().await.expect("it closes");
    }
}
