//! The formats that come with the program, compiled from the files in `schemas/`.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::Format;

macro_rules! files {
    ($dir:literal: $($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../../schemas/", $dir, "/", $file)))),+]
    };
}

const SUPERVISION_1: &[(&str, &str)] = files!("supervision/1":
    "supervision.xsd", "common.xsd", "sx.xsd", "sb.xsd", "wsysl.xsd", "sl.xsd", "spcl.xsd",
    "bjgz.xsd", "bjsl.xsd", "tbcxsq.xsd", "tbcxjg.xsd", "bj.xsd", "lqdj.xsd", "sbcl.xsd",
    "sxcl.xsd", "sxgw.xsd", "zbml.xsd", "sxbg.xsd", "zwgk.xsd", "zfxx.xsd", "ts.xsd", "zx.xsd",
    "gd.xsd", "yqh.xsd", "sgs.xsd", "zfjc.xsd", "ggzy.xsd", "hcp.xsd", "dzzz.xsd", "lb.xsd",
    "cnrq.xsd", "jf.xsd", "jx.xsd", "dx.xsd", "dtsp.xsd", "zldb.xsd", "sssc.xsd", "ys.xsd",
    "jckp.xsd", "dbd.xsd", "xf.xsd", "cf.xsd", "xxh.xsd");

/// The files of `supervision/1`, for [`Format::compile`] and for people.
pub fn supervision_1_files() -> BTreeMap<String, String> {
    SUPERVISION_1.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The format `supervision/1`, compiled once per process.
pub fn supervision_1() -> Arc<Format> {
    static FORMAT: OnceLock<Arc<Format>> = OnceLock::new();
    FORMAT
        .get_or_init(|| {
            let compiled = Format::compile("supervision", "1", &supervision_1_files());
            Arc::new(compiled.expect("the format in the program is tested to compile"))
        })
        .clone()
}
