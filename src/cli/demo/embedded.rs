//! What the program brings along, so that the demo works from anywhere, beside the adapter packages:
//! the county's DDL and the four tiers' configurations.

/// DDL of the county's legacy database, as the vendor made it: its trigger too.
pub(crate) const COUNTY_DDL: &str = concat!(
    include_str!("../../../adapters/county_approval/schema.sql"),
    "\n",
    include_str!("../../../adapters/county_approval/trigger.sql"),
);

/// Configuration of each tier, lowest first, as it stands in `config/demo`.
pub(crate) const CONFIGS: [&str; 4] = [
    include_str!("../../../config/demo/township/node.toml"),
    include_str!("../../../config/demo/county/node.toml"),
    include_str!("../../../config/demo/city/node.toml"),
    include_str!("../../../config/demo/province/node.toml"),
];
