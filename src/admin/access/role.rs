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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

impl Power {
    /// Every power.
    pub const ALL: [Self; 9] = [
        Self::Look,
        Self::Unmask,
        Self::Problems,
        Self::Flow,
        Self::Intake,
        Self::Review,
        Self::Accounts,
        Self::AuditLog,
        Self::Settings,
    ];

    /// Stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Unmask => "unmask",
            Self::Problems => "problems",
            Self::Flow => "flow",
            Self::Intake => "intake",
            Self::Review => "review",
            Self::Accounts => "accounts",
            Self::AuditLog => "audit_log",
            Self::Settings => "settings",
        }
    }

    /// What people call it.
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Look => ("look", "查看"),
            Self::Unmask => ("show personal values", "显示个人信息"),
            Self::Problems => ("deal with problem data", "处理问题数据"),
            Self::Flow => ("pause and resume", "暂停与恢复"),
            Self::Intake => ("file rows", "数据填报"),
            Self::Review => ("review", "审核"),
            Self::Accounts => ("keep accounts", "管理账号"),
            Self::AuditLog => ("read the audit chain", "查看审计"),
            Self::Settings => ("read settings and check-up", "查看设置与体检"),
        }
    }

    /// The power of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|power| power.word() == word)
    }
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

    /// One of the three administrators (三员), of whom nobody is two.
    pub const fn is_administrator(self) -> bool {
        matches!(self, Self::System | Self::Security | Self::Audit)
    }

    /// Whether one account may have these together: at least one, none twice, and of the three
    /// administrators at most one.
    pub fn go_together(roles: &[Self]) -> bool {
        let twice =
            roles.iter().enumerate().any(|(i, role)| roles.iter().take(i).any(|r| r == role));
        let administrators = roles.iter().filter(|role| role.is_administrator()).count();
        !roles.is_empty() && !twice && administrators <= 1
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
    fn no_one_is_two_of_the_three_administrators() {
        let three = [Role::System, Role::Security, Role::Audit];
        for a in three {
            for b in three {
                assert!(!Role::go_together(&[a, b]), "{a:?} {b:?}");
            }
            assert!(Role::go_together(&[a]) && Role::go_together(&[a, Role::Observer]));
        }
        assert!(!Role::go_together(&[]));
        assert!(Role::go_together(&[Role::Operator, Role::Observer]));
    }

    #[test]
    fn powers_and_roles_are_known_by_their_words() {
        for power in Power::ALL {
            assert_eq!(Power::of_word(power.word()), Some(power));
            let written = serde_json::to_string(&power).unwrap();
            assert_eq!(written, format!("\"{}\"", power.word()));
        }
        assert!(Role::ALL.into_iter().all(|role| Role::of_word(role.word()) == Some(role)));
    }

    #[test]
    fn a_scope_holds_what_lies_beneath_it() {
        let scope = Scope { regions: vec!["990100".into()], units: vec!["window".into()] };
        assert!(scope.has_region("990103") && !scope.has_region("990200"));
        assert!(scope.has_unit("window") && !scope.has_unit("other"));
        assert!(Scope::default().is_all() && Scope::default().has_region("1"));
    }
}
