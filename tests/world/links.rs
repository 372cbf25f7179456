//! The links of the tiers, and in which suites they speak.

use envelope::Suite;
use exchange::{Link, Way};

use super::{TIERS, TOWN, World, code};

impl World {
    pub(super) fn links(&self, tier: usize) -> Vec<Link> {
        let mut links = links(tier);
        if self.setup.blue {
            super::blue::beneath(tier, &mut links);
        }
        if let Some(gated) = &self.setup.gated {
            links.iter_mut().for_each(|link| gated.link(tier, link));
        }
        for (_, name, suites) in self.setup.accepts.iter().filter(|(of, ..)| *of == tier) {
            let of_it = links.iter_mut().filter(|link| *link.name == **name);
            of_it.for_each(|link| link.accepts = Some(suites.to_vec()));
        }
        links
    }

    /// Another key of a tier, of that suite, with a certificate of its own.
    pub fn signer_in(&mut self, tier: usize, suite: Suite) -> envelope::KeySigner {
        self.authority.suite = suite;
        let region = if tier == TOWN { self.setup.region } else { "99" };
        self.authority.signer(&self.parts[tier].code, region)
    }

    /// Another key for a tier; the one before is revoked from now on. Everything starts again with it.
    pub fn rotate(&mut self, tier: usize) {
        let (suite, old) =
            (self.parts[tier].signer.suite(), self.parts[tier].signer.certificate_der());
        let list = self.authority.revoked(old, self.now);
        let revoked = self.trust.read_lists(&[list.into_bytes()]).expect("a list");
        let signer = self.signer_in(tier, suite);
        self.parts[tier].signer = std::sync::Arc::new(signer);
        self.trust.revoke(revoked);
        self.restart();
    }

    /// From now on a tier believes senders behind that link in these suites only.
    pub fn accepts_only(&mut self, tier: usize, link: &'static str, suites: &'static [Suite]) {
        self.setup.accepts.push((tier, link, suites));
        self.restart();
    }
}

fn links(tier: usize) -> Vec<Link> {
    let mut out = Vec::new();
    if let Some(up) = TIERS.get(tier + 1) {
        let (name, peer) = ("parent".into(), code(up));
        out.push(Link {
            name,
            peer,
            parent: true,
            beneath: vec![],
            overdue: None,
            way: Way::default(),
            suite: None,
            accepts: None,
        });
    }
    if let Some(down) = tier.checked_sub(1) {
        let beneath = TIERS[..down].iter().map(|t| code(t)).collect();
        out.push(Link {
            name: TIERS[down].into(),
            peer: code(TIERS[down]),
            parent: false,
            beneath,
            overdue: None,
            way: Way::default(),
            suite: None,
            accepts: None,
        });
    }
    out
}
