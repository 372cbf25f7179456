//! Packages made to deceive: each is refused, and where a stock verifier alone would believe one, that is
//! shown too. What a signature covers is decided by place, never by name.
#![expect(clippy::disallowed_methods, reason = "stock tools read files")]
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside test functions")]

use crate::common::{World, head, now, record, seal, world};
use crate::stock::xmlsec1;
use envelope::{Refuse, frame, open, open_frame, verify};

/// A package of two records and its three parts, as text.
struct Whole {
    world: World,
    package: String,
    head: String,
    signature: String,
}

fn whole() -> Whole {
    let world = world();
    let fragments = vec![record(1), record(2)];
    let head = head(&world.signer, &fragments);
    let package = String::from_utf8(seal(&head, &fragments, &world.signer)).unwrap();
    let opened = open(package.as_bytes()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (head, signature) = (text(opened.head_bytes), text(opened.signature));
    Whole { world, package, head, signature }
}

impl Whole {
    fn verdict(&self, package: &str) -> Result<(), Refuse> {
        let opened = open(package.as_bytes())?;
        verify(&opened, &self.world.trust, now()).map(|_| ())
    }

    /// The code it is refused with.
    #[track_caller]
    fn code(&self, package: &str) -> &'static str {
        assert_ne!(package, self.package, "nothing was changed");
        self.verdict(package).expect_err("refused").code()
    }

    /// What xmlsec1 alone says of the signature.
    fn stock_believes(&self, package: &str) -> bool {
        let dir = tempfile::tempdir().unwrap();
        let (file, ca) = (dir.path().join("p.xml"), dir.path().join("ca.pem"));
        std::fs::write(&file, package).unwrap();
        std::fs::write(&ca, self.world.ca.certificate_pem()).unwrap();
        xmlsec1(&file, &ca).is_ok()
    }

    /// A head that says something else, under no signature.
    fn evil(&self) -> String {
        let evil = self.head.replace("<Sequence>17<", "<Sequence>99<");
        assert_ne!(evil, self.head);
        evil
    }

    fn with(&self, from: &str, to: &str) -> String {
        assert!(self.package.contains(from), "{from}");
        self.package.replacen(from, to, 1)
    }
}

#[test]
fn the_whole_one_is_believed() {
    let whole = whole();
    assert_eq!(whole.verdict(&whole.package), Ok(()));
    assert!(whole.stock_believes(&whole.package));
}

// ── signature wrapping ───────────────────────────────────────────────────────────────────────

/// The signed head lies elsewhere, with its `Id`, and another one stands in its place.
#[test]
fn a_head_moved_away_from_its_place() {
    let whole = whole();
    let (head, evil) = (&whole.head, whole.evil().replace(" Id=\"head\"", ""));
    let object = format!("<Object>{head}</Object></Signature>");
    let places = [
        whole.with(head, &evil).replace("</Body>", &format!("{head}</Body>")),
        whole.with(head, &evil).replace("</Package>", &format!("{head}</Package>")),
        whole.with(head, &evil).replace("<Body>", &format!("<Old>{head}</Old><Body>")),
        whole.with(head, &evil).replace("</Signature>", &object),
    ];
    for package in &places {
        assert_eq!(whole.code(package), "envelope.malformed");
    }
    let believed = places.iter().filter(|p| whole.stock_believes(p)).count();
    assert!(
        believed >= 3,
        "a stock verifier alone believes {believed} of them: hence the one form"
    );
}

/// The same with the `Id` kept on the false one, so that both answer to the name.
#[test]
fn a_head_doubled() {
    let whole = whole();
    let (head, evil) = (&whole.head, whole.evil());
    for both in [format!("{evil}{head}"), format!("{head}{evil}"), format!("{head}{head}")] {
        assert_eq!(whole.code(&whole.with(head, &both)), "envelope.malformed");
    }
}

#[test]
fn a_head_nested_in_another() {
    let whole = whole();
    let (head, evil) = (&whole.head, whole.evil().replace(" Id=\"head\"", ""));
    for outer in [
        evil.replace("</Head>", &format!("{head}</Head>")),
        format!("<Wrap>{head}</Wrap>"),
        format!("<Head xmlns=\"urn:tiergate:envelope:1\">{head}</Head>"),
    ] {
        assert_eq!(whole.code(&whole.with(head, &outer)), "envelope.malformed");
    }
}

/// A head whose own text was changed, and one with two `Id`s.
#[test]
fn a_head_changed_and_ids_and_attributes_doubled() {
    let whole = whole();
    assert_eq!(whole.code(&whole.with(&whole.head, &whole.evil())), "sender.signature_invalid");
    for (from, to) in [
        (" Id=\"head\"", " Id=\"head\" Id=\"head\""),
        (" Id=\"head\"", " Id=\"head\" id=\"head\""),
        (" Id=\"head\"", " Id=\"heads\""),
        (" Id=\"head\"", ""),
        (" v=\"1\"", " v=\"1\" v=\"2\""),
        (" v=\"1\"", " Id=\"head\" v=\"1\""),
        (" v=\"1\"", " xml:id=\"head\" v=\"1\""),
        ("<Body>", "<Body Id=\"head\">"),
    ] {
        assert_eq!(whole.code(&whole.with(from, to)), "envelope.malformed", "{from} -> {to}");
    }
}

#[test]
fn a_signature_doubled_or_elsewhere() {
    let whole = whole();
    let signature = &whole.signature;
    let without = whole.with(signature, "");
    for package in [
        whole.with(signature, &format!("{signature}{signature}")),
        without.clone(),
        without.replace("<Body>", &format!("{signature}<Body>")),
        without.replace("</Body>", &format!("{signature}</Body>")),
        without.replace("</Head>", &format!("{signature}</Head>")),
    ] {
        assert_eq!(whole.code(&package), "envelope.malformed");
    }
}

// ── what is signed, and how ──────────────────────────────────────────────────────────────────

#[test]
fn a_reference_to_something_else_than_the_head() {
    let whole = whole();
    for uri in ["", "#body", "#Head", "http://127.0.0.1/x", "#xpointer(/)", "#xpointer(id('head'))"]
    {
        let package = whole.with("URI=\"#head\"", &format!("URI=\"{uri}\""));
        assert_eq!(whole.code(&package), "envelope.malformed", "{uri}");
    }
    assert_eq!(whole.code(&whole.with(" URI=\"#head\"", "")), "envelope.malformed");
    let at = whole.signature.find("<Reference ").unwrap();
    let end = whole.signature.find("</Reference>").unwrap() + "</Reference>".len();
    let reference = whole.signature.get(at..end).unwrap().to_owned();
    let two = whole.with(&reference, &format!("{reference}{reference}"));
    assert_eq!(whole.code(&two), "envelope.malformed");
    assert_eq!(whole.code(&whole.with(&reference, "")), "envelope.malformed");
}

#[test]
fn algorithms_that_nobody_agreed_on() {
    let whole = whole();
    let method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
    for uri in [
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "urn:none",
        "",
    ] {
        assert_eq!(whole.code(&whole.with(method, uri)), "sender.suite_unknown", "{uri}");
    }
    let digest = "http://www.w3.org/2001/04/xmlenc#sha256";
    for uri in
        ["http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmldsig-more#md5"]
    {
        assert_eq!(whole.code(&whole.with(digest, uri)), "envelope.malformed", "{uri}");
    }
    // A known suite that is not the route's, with a signature of the other kind.
    let other = whole.with(method, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256");
    assert_eq!(whole.code(&other), "sender.signature_invalid");
    for (from, to) in [
        ("<DigestAlgorithm>sha256<", "<DigestAlgorithm>md5<"),
        ("<DigestAlgorithm>sha256<", "<DigestAlgorithm>sha1<"),
    ] {
        assert_eq!(whole.code(&whole.with(from, to)), "sender.suite_unknown");
    }
}

#[test]
fn canonicalization_and_transforms_of_another_kind() {
    let whole = whole();
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    for uri in [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/2000/09/xmldsig#base64",
    ] {
        assert_eq!(whole.code(&whole.with(exclusive, uri)), "envelope.malformed", "{uri}");
        let transform = format!("<Transform Algorithm=\"{exclusive}\"></Transform>");
        let further = format!("<Transform Algorithm=\"{uri}\"></Transform>{transform}");
        assert_eq!(whole.code(&whole.with(&transform, &further)), "envelope.malformed", "{uri}");
    }
}

#[test]
fn a_key_that_comes_without_a_certificate() {
    let whole = whole();
    let at = whole.signature.find("<X509Data>").unwrap();
    let end = whole.signature.find("</X509Data>").unwrap() + "</X509Data>".len();
    let data = whole.signature.get(at..end).unwrap().to_owned();
    for other in [
        "<KeyValue><ECKeyValue></ECKeyValue></KeyValue>",
        "<KeyName>province</KeyName>",
        "<RetrievalMethod URI=\"http://127.0.0.1/key\"></RetrievalMethod>",
        "",
    ] {
        assert_eq!(whole.code(&whole.with(&data, other)), "envelope.malformed");
    }
}

// ── documents ────────────────────────────────────────────────────────────────────────────────

fn laughs() -> String {
    let mut dtd = String::from("<!DOCTYPE Package [<!ENTITY l0 \"lol\">");
    for n in 1..30 {
        dtd.push_str(&format!("<!ENTITY l{n} \"&l{0};&l{0};&l{0};&l{0};\">", n - 1));
    }
    dtd + "]>"
}

#[test]
fn document_types_entities_and_whatever_else_xml_can_do() {
    let whole = whole();
    let prologue = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let before: [String; 6] = [
        laughs(),
        "<!DOCTYPE Package SYSTEM \"http://127.0.0.1/x.dtd\">".into(),
        "<!DOCTYPE Package [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>".into(),
        "<!DOCTYPE Package [<!ENTITY % p SYSTEM \"file:///etc/passwd\"> %p;]>".into(),
        "<?xml-stylesheet href=\"x\"?>".into(),
        "<!-- -->".into(),
    ];
    for more in &before {
        let package = whole.with(prologue, &format!("{prologue}{more}"));
        assert_eq!(whole.code(&package), "envelope.malformed", "{more}");
        let package = whole.with("<SBLSH>", &format!("<SBLSH>{more}"));
        assert_ne!(whole.code(&package), "verified", "{more}");
    }
    for text in ["&l29;", "&x;", "&#65;", "&#x41;", "&quot;", "<![CDATA[x]]>", "<!--x-->", "<?x?>"]
    {
        // In the head, and in a record of the same length, so that only the form can be at fault.
        let head = whole.with("<Sequence>17<", &format!("<Sequence>{text}17<"));
        assert_eq!(whole.code(&head), "envelope.malformed", "{text}");
        let fill = "D".repeat(text.len());
        let place = whole.package.find("DEMO00000001").expect("a case number");
        let mut package = whole.package.clone().into_bytes();
        package.splice(place..place + text.len().min(12), text.bytes().take(12));
        let package = String::from_utf8(package).unwrap();
        assert_ne!(package, whole.package, "{fill}");
        assert!(whole.verdict(&package).is_err(), "{text}");
    }
    for encoding in ["UTF-16", "GB18030", "utf-8"] {
        let package = whole.with("encoding=\"UTF-8\"", &format!("encoding=\"{encoding}\""));
        assert_eq!(whole.code(&package), "envelope.malformed");
    }
}

/// A fragment nested beyond every limit costs no stack and no time.
#[test]
fn nesting_without_an_end() {
    let world = world();
    for depth in [33, 1_000, 40_000] {
        let open_tags = "<a>".repeat(depth);
        let close_tags = "</a>".repeat(depth);
        let fragment = format!("<SL xmlns=\"urn:x\">{open_tags}{close_tags}</SL>").into_bytes();
        let fragments = vec![fragment];
        let package = seal(&head(&world.signer, &fragments), &fragments, &world.signer);
        assert!(open(&package).is_err(), "{depth}");
    }
}

#[test]
fn a_fragment_that_poses_as_a_head_or_a_signature() {
    let world = world();
    let refused = |fragment: &str| {
        let fragments = vec![fragment.as_bytes().to_vec()];
        let package = seal(&head(&world.signer, &fragments), &fragments, &world.signer);
        open(&package).expect_err("refused").code()
    };
    for fragment in [
        "<Head xmlns=\"urn:tiergate:envelope:1\"><a>1</a></Head>",
        "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><a>1</a></Signature>",
        "<SL xmlns=\"urn:x\"><Head xmlns=\"urn:tiergate:envelope:1\">1</Head></SL>",
        "<x:SL xmlns:x=\"urn:x\"><x:a>1</x:a></x:SL>",
        "<SL><a>1</a></SL>",
        "<SL xmlns=\"urn:x\"><a>1</a></SL><SL xmlns=\"urn:x\"><a>1</a></SL>",
        "<SL xmlns=\"urn:x\"><a>1</b></SL>",
        "</Body><Body>",
    ] {
        assert_eq!(refused(fragment), "envelope.malformed", "{fragment}");
    }
}

// ── sizes ────────────────────────────────────────────────────────────────────────────────────

/// What a parcel says of its size is checked before anything is allocated for it.
#[test]
fn sizes_counts_and_lengths_that_lie() {
    let whole = whole();
    let bomb = frame(&vec![b' '; 32 << 20], 3);
    assert!(bomb.len() < 4_096);
    assert_eq!(open_frame(&bomb, 1 << 20).unwrap_err().code(), "envelope.too_large");
    let counts: [(&str, &str, &str); 4] = [
        ("<Count>2<", "<Count>20001<", "envelope.too_large"),
        ("<Count>2<", "<Count>3<", "envelope.malformed"),
        ("<Count>2<", "<Count>1<", "envelope.malformed"),
        ("<Count>2<", "<Count>-1<", "envelope.malformed"),
    ];
    for (from, to, code) in counts {
        assert_eq!(whole.code(&whole.with(from, to)), code, "{to}");
    }
    let lengths = whole.head.split("<Lengths>").nth(1).unwrap().split('<').next().unwrap();
    for lie in ["4294967295 4294967295", "99999999999 1", "0 0", "1", "1  1", " 1 1"] {
        let package = whole.with(lengths, lie);
        assert_eq!(whole.code(&package), "envelope.malformed", "{lie}");
    }
}
