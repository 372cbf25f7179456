//! Invented people, firms and their numbers. The region of every number is none that exists.

use super::chance::Dice;

const SURNAMES: &[&str] = &[
    "赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯", "陈", "褚", "卫", "蒋", "沈", "韩", "杨",
    "朱", "秦", "许", "何", "吕", "施", "张", "孔", "曹", "严", "华", "金", "魏", "陶", "姜", "戚",
];
const GIVEN: &[&str] = &[
    "样", "例", "甲", "乙", "丙", "丁", "测", "示", "一鸣", "二白", "三思", "四维", "五谷", "六合",
    "七星", "八方", "九如", "十全", "百川", "千里", "万青", "小样", "小例", "大同", "中和", "上善",
];
const TRADES: &[&str] =
    &["食品", "建材", "运输", "农机", "印务", "餐饮", "环保", "园林", "药业", "软件"];
const FIRM_NAMES: &[&str] = &["示例", "样本", "青禾", "试点", "甲乙", "丙丁", "无名", "虚构"];

/// Positions of a citizen number and what they weigh.
const ID_WEIGHTS: [u64; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const ID_CHECKS: &[u8; 11] = b"10X98765432";
const ORG_WEIGHTS: [u64; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
const CREDIT_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const CREDIT_WEIGHTS: [u64; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

/// The region that all invented numbers carry.
const NOWHERE: &str = "990103";

/// A person's name.
pub(super) fn name(dice: &mut Dice) -> String {
    format!("{}{}", dice.of(SURNAMES), dice.of(GIVEN))
}

/// A firm's name.
pub(super) fn firm(dice: &mut Dice) -> String {
    let (name, trade) = (dice.of(FIRM_NAMES), dice.of(TRADES));
    format!("青禾县{name}{trade}有限公司第{}分号", dice.range(1, 999))
}

/// A mobile number out of a block for examples.
pub(super) fn phone(dice: &mut Dice) -> String {
    format!("1390000{:04}", dice.range(0, 9999))
}

/// The check character of 17 digits.
fn id_check(digits: &str) -> char {
    let sum: u64 =
        digits.bytes().zip(ID_WEIGHTS).map(|(b, w)| u64::from(b.wrapping_sub(b'0')) * w).sum();
    char::from(ID_CHECKS[(sum % 11) as usize])
}

fn id_stem(dice: &mut Dice) -> String {
    let (year, month, day) = (dice.range(1955, 2004), dice.range(1, 12), dice.range(1, 28));
    format!("{NOWHERE}{year}{month:02}{day:02}{:03}", dice.range(0, 999))
}

/// A citizen number with its right check character.
pub(super) fn citizen_id(dice: &mut Dice) -> String {
    let stem = id_stem(dice);
    let check = id_check(&stem);
    format!("{stem}{check}")
}

/// A citizen number that should end in X: as it should be.
pub(super) fn citizen_id_with_x(dice: &mut Dice) -> String {
    loop {
        let id = citizen_id(dice);
        if id.ends_with('X') {
            return id;
        }
    }
}

/// The same number with another last digit, as a slip of the hand makes it.
pub(super) fn slip(id: &str) -> String {
    let wrong = if id.ends_with('3') { '8' } else { '3' };
    id.chars().take(17).chain([wrong]).collect()
}

/// The check character of an organisation's eight digits.
fn organ_check(digits: &str) -> char {
    let sum: u64 =
        digits.bytes().zip(ORG_WEIGHTS).map(|(b, w)| u64::from(b.wrapping_sub(b'0')) * w).sum();
    match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        n => char::from(b'0' + n as u8),
    }
}

/// The check character of a credit code's first 17.
fn credit_check(stem: &str) -> char {
    let value = |b: u8| CREDIT_ALPHABET.iter().position(|a| *a == b).unwrap_or_default() as u64;
    let sum: u64 = stem.bytes().zip(CREDIT_WEIGHTS).map(|(b, w)| value(b) * w).sum();
    char::from(CREDIT_ALPHABET[((31 - sum % 31) % 31) as usize])
}

/// An 18-digit credit code for a unit's ordinal number; `kind` is its first two digits.
pub(super) fn credit_code(kind: &str, number: u64) -> String {
    let organ = format!("{:08}", number % 100_000_000);
    let stem = format!("{kind}{NOWHERE}{organ}{}", organ_check(&organ));
    let check = credit_check(&stem);
    format!("{stem}{check}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_characters_are_those_of_published_numbers() {
        // The standard's own example, and two published codes of authorities.
        assert_eq!(id_check("11010519491231002"), 'X');
        assert_eq!((organ_check("00877818"), organ_check("08337220")), ('3', '4'));
        assert_eq!(credit_check("11511301008778183"), 'N');
        assert_eq!(credit_check("11511301083372204"), '3');
        assert_eq!(credit_code("91", 5).len(), 18);
        let mut dice = Dice::new(1, 2, 3);
        assert!(citizen_id_with_x(&mut dice).ends_with('X'));
        let id = citizen_id(&mut dice);
        assert_ne!(slip(&id), id);
        assert_eq!(slip(&id).len(), 18);
    }
}
