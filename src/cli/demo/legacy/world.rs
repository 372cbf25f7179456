//! The county and township as they are: units, items, regions. Names and codes are invented.

use super::people::credit_code;

/// County region.
pub(super) const COUNTY: &str = "990103";
/// Township region.
pub(super) const TOWNSHIP: &str = "990103101";
/// An item that some clerk typed and no list has.
pub(crate) const UNKNOWN_ITEM: &str = "990103009999901";

/// Code and name of every region in use.
pub(super) const REGIONS: &[(&str, &str)] = &[
    ("990000", "岭东省"),
    ("990100", "岭东省青川市"),
    ("990103", "岭东省青川市青禾县"),
    ("990103101", "青禾县柳溪镇"),
    ("990103102", "青禾县石桥镇"),
    ("990103101001", "柳溪镇东街社区"),
    ("990103101002", "柳溪镇河湾村"),
];

/// What can be applied for.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    /// What the applicant gets; none for a mere answer.
    pub(super) licence: Option<&'static str>,
    pub(super) materials: &'static [&'static str],
    /// Decided at the counter, in one step.
    pub(super) at_once: bool,
    /// An inspection may stop the clock.
    pub(super) inspected: bool,
    /// Yuan.
    pub(super) fee: u32,
}

/// A unit with its items.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) name: &'static str,
    pub(super) code: String,
    pub(super) items: &'static [Item],
}

const fn item(
    code: &'static str,
    name: &'static str,
    licence: Option<&'static str>,
    materials: &'static [&'static str],
    (at_once, inspected, fee): (bool, bool, u32),
) -> Item {
    Item { code, name, licence, materials, at_once, inspected, fee }
}

const MARKET: &[Item] = &[
    item(
        "990103001000101",
        "食品经营许可（新办）",
        Some("食品经营许可证"),
        &["申请书", "场所平面图", "健康证明"],
        (false, true, 0),
    ),
    item(
        "990103001000102",
        "食品经营许可（变更）",
        Some("食品经营许可证"),
        &["变更申请书", "原许可证"],
        (false, false, 0),
    ),
    item(
        "990103001000201",
        "企业名称预先核准",
        Some("核准通知书"),
        &["名称申请表"],
        (true, false, 0),
    ),
];
const TRANSPORT: &[Item] = &[
    item(
        "990103002000101",
        "道路货物运输经营许可",
        Some("道路运输经营许可证"),
        &["申请表", "车辆技术证明", "从业资格证"],
        (false, false, 10),
    ),
    item("990103002000102", "道路运输证年度审验", None, &["审验表"], (true, false, 0)),
];
const BUILDING: &[Item] = &[
    item(
        "990103003000101",
        "建筑工程施工许可证核发",
        Some("建筑工程施工许可证"),
        &["申请表", "用地批准书", "施工合同", "图纸审查书"],
        (false, true, 0),
    ),
    item(
        "990103003000201",
        "商品房预售许可",
        Some("商品房预售许可证"),
        &["申请表", "工程进度证明"],
        (false, true, 0),
    ),
];
const HEALTH: &[Item] = &[
    item(
        "990103004000101",
        "公共场所卫生许可",
        Some("卫生许可证"),
        &["申请表", "卫生检测报告"],
        (false, true, 0),
    ),
    item(
        "990103004000201",
        "医师执业注册",
        Some("医师执业证书"),
        &["注册申请", "资格证书", "聘用证明"],
        (false, false, 20),
    ),
];
const LAND: &[Item] = &[
    item(
        "990103005000101",
        "不动产登记（转移）",
        Some("不动产权证书"),
        &["登记申请书", "买卖合同", "完税证明"],
        (false, false, 80),
    ),
    item("990103005000102", "不动产登记资料查询", None, &["查询申请"], (true, false, 0)),
];
const WATER: &[Item] = &[item(
    "990103006000101",
    "取水许可",
    Some("取水许可证"),
    &["申请书", "水资源论证报告"],
    (false, true, 0),
)];
const CULTURE: &[Item] = &[
    item(
        "990103007000101",
        "营业性演出审批",
        Some("演出批准文件"),
        &["申请表", "演员名单"],
        (false, false, 0),
    ),
    item(
        "990103007000201",
        "出版物零售许可",
        Some("出版物经营许可证"),
        &["申请表"],
        (true, false, 0),
    ),
];
const FARMING: &[Item] = &[
    item(
        "990103008000101",
        "农药经营许可",
        Some("农药经营许可证"),
        &["申请表", "人员学历证明", "场所证明"],
        (false, true, 0),
    ),
    item(
        "990103008000201",
        "动物检疫合格证明",
        Some("检疫合格证明"),
        &["报检单"],
        (true, false, 5),
    ),
];
const TOWN: &[Item] = &[
    item(
        "990103101000101",
        "残疾人证办理",
        Some("残疾人证"),
        &["申请表", "照片"],
        (false, false, 0),
    ),
    item(
        "990103101000102",
        "老年人优待证办理",
        Some("老年人优待证"),
        &["申请表", "照片"],
        (true, false, 0),
    ),
    item(
        "990103101000103",
        "最低生活保障申请",
        None,
        &["申请书", "收入证明", "家庭情况表"],
        (false, false, 0),
    ),
    item("990103101000104", "生育登记", Some("生育登记卡"), &["登记表"], (true, false, 0)),
    item(
        "990103101000105",
        "农村宅基地建房审批",
        Some("乡村建设规划许可证"),
        &["申请书", "村委会意见"],
        (false, false, 10),
    ),
    item("990103101000106", "临时救助申请", None, &["申请书"], (false, false, 0)),
];

/// Everyone who decides.
#[derive(Debug)]
pub(super) struct World {
    pub(super) county: Vec<Unit>,
    pub(super) township: Unit,
}

impl World {
    pub(super) fn new() -> Self {
        let units: [(&'static str, &'static [Item]); 8] = [
            ("青禾县市场监督管理局", MARKET),
            ("青禾县交通运输局", TRANSPORT),
            ("青禾县住房和城乡建设局", BUILDING),
            ("青禾县卫生健康局", HEALTH),
            ("青禾县自然资源局", LAND),
            ("青禾县水利局", WATER),
            ("青禾县文化旅游局", CULTURE),
            ("青禾县农业农村局", FARMING),
        ];
        let unit = |(n, (name, items)): (usize, (&'static str, &'static [Item]))| Unit {
            name,
            code: credit_code("11", 10_000_000 + n as u64 * 111),
            items,
        };
        Self {
            county: units.into_iter().enumerate().map(unit).collect(),
            township: unit((99, ("青禾县柳溪镇人民政府", TOWN))),
        }
    }

    /// Every item that the lists have.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.county.iter().chain([&self.township]).flat_map(|unit| unit.items)
    }
}
