//! In which suites the demo's nodes sign: all in one, or each tier in another.

use envelope::Suite;
use serde::{Deserialize, Serialize};

use super::tiers::Tier;

/// What `--suite` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Suites {
    /// ECDSA P-256 with SHA-256.
    #[default]
    EcdsaP256Sha256,
    /// Ed25519.
    Ed25519Sha256,
    /// SM2 with SM3 · 国密.
    Sm2Sm3,
    /// Township and province SM2, county Ed25519, city ECDSA.
    Mixed,
}

impl Suites {
    /// Reads `--suite`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "ecdsa-p256-sha256" => Ok(Self::EcdsaP256Sha256),
            "ed25519-sha256" => Ok(Self::Ed25519Sha256),
            "sm2" | "sm2-sm3" => Ok(Self::Sm2Sm3),
            "mixed" => Ok(Self::Mixed),
            _ => Err("sm2, ecdsa-p256-sha256, ed25519-sha256 or mixed".to_owned()),
        }
    }

    /// The suite of a tier.
    pub(crate) const fn of(self, tier: Tier) -> Suite {
        match (self, tier) {
            (Self::EcdsaP256Sha256, _) | (Self::Mixed, Tier::City) => Suite::EcdsaP256Sha256,
            (Self::Ed25519Sha256, _) | (Self::Mixed, Tier::County) => Suite::Ed25519Sha256,
            (Self::Sm2Sm3, _) | (Self::Mixed, Tier::Township | Tier::Province) => Suite::Sm2Sm3,
        }
    }
}
