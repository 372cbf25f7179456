//! Who may do what: roles as the classified-protection rules divide them, powers, and scope.

use serde::{Deserialize, Serialize};

/// What somebody may be. No one is two of the three administrators (三员分立).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 系统管理员: links, adapters, maintenance, settings.
    System,
    /// 安全管理员: accounts, roles, tokens.
    Security,
    /// 审计管理员: the audit chain.
    Audit,
    /// 业务操作员: problem data, resending, intake, review.
    Operator,
    /// 观察员: looks, changes nothing.
    Observer,
}

/// What a page or an action needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Pages without personal values.
    Look,
    /// Personal values as they are; each look is audited.
    Unmask,
    /// Return, resubmit and withdraw problem data; resend; heal a day.
    Problems,
    /// Pause and resume links and adapters; maintenance.
    Flow,
    /// File rows for one's own unit.
    Intake,
    /// Release or return what waits for review.
    Review,
    /// Accounts, roles, tokens.
    Accounts,
    /// Read the audit chain.
    AuditLog,
    /// Read the settings in force, certificates, the check-up.
    Settings,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] =
        [Self::System, Self::Security, Self::Audit, Self::Operator, Self::Observer];

    /// Stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Security => "security",
            Self::Audit => "audit",
            Self::Operator => "operator",
            Self::Observer => "observer",
        }
    }

    /// What people call it.
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::System => ("system administrator", "系统管理员"),
            Self::Security => ("security administrator", "安全管理员"),
            Self::Audit => ("audit administrator", "审计管理员"),
            Self::Operator => ("operator", "业务操作员"),
            Self::Observer => ("observer", "观察员"),
        }
    }

    /// The role of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Whether it has a power.
    pub const fn may(self, power: Power) -> bool {
        match power {
            Power::Look => !matches!(self, Self::Security),
            Power::Unmask | Power::Problems | Power::Intake | Power::Review => {
                matches!(self, Self::Operator)
            }
            Power::Flow => matches!(self, Self::System),
            Power::Accounts => matches!(self, Self::Security),
            Power::AuditLog => matches!(self, Self::Audit),
            Power::Settings => matches!(self, Self::System | Self::Security | Self::Audit),
        }
    }

    /// Whether it changes anything, and so needs a second factor.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Observer | Self::Audit)
    }
}

/// What of a node somebody sees: regions and units; empty is all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Region codes, each with those beneath it.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Units: names of adapters and intake units.
    #[serde(default)]
    pub units: Vec<String>,
}

impl Scope {
    /// Whether a unit's rows are within it.
    pub fn has_unit(&self, unit: &str) -> bool {
        self.units.is_empty() || self.units.iter().any(|own| own == unit)
    }

    /// Whether a region is within it.
    pub fn has_region(&self, region: &str) -> bool {
        let beneath = |own: &String| region.starts_with(own.trim_end_matches("00"));
        self.regions.is_empty() || self.regions.iter().any(beneath)
    }

    /// Whether it is all of the node.
    pub const fn is_all(&self) -> bool {
        self.regions.is_empty() && self.units.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_administrators_share_no_power_that_changes_anything() {
        for power in [Power::Flow, Power::Accounts, Power::AuditLog, Power::Problems] {
            let holders: Vec<_> = Role::ALL.into_iter().filter(|role| role.may(power)).collect();
            assert_eq!(holders.len(), 1, "{power:?}: {holders:?}");
        }
        let powers = [Power::Unmask, Power::Problems, Power::Flow, Power::Intake, Power::Accounts];
        assert!(powers.into_iter().all(|power| !Role::Observer.may(power)));
        assert!(Role::Observer.may(Power::Look) && !Role::Observer.writes());
    }

    #[test]
    fn a_scope_holds_what_lies_beneath_it() {
        let scope = Scope { regions: vec!["990100".into()], units: vec!["window".into()] };
        assert!(scope.has_region("990103") && !scope.has_region("990200"));
        assert!(scope.has_unit("window") && !scope.has_unit("other"));
        assert!(Scope::default().is_all() && Scope::default().has_region("1"));
    }
}
