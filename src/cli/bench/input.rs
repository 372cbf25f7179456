//! The benchmark's input: a township drop of clean rows, three records each, of about 1 KB, keys of
//! two thousand interleaved departments.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use canon::format::{citizen_id_check_char, credit_code_check_char};

/// Departments whose cases are interleaved.
pub(crate) const DEPARTMENTS: u64 = 2000;
/// Records that one row gives.
pub(crate) const RECORDS_PER_ROW: u64 = 3;
/// Rows in one file.
const ROWS_PER_FILE: u64 = 50_000;

const HEADER: &str = "流水号,事项编码,事项名称,行政区划,申请人类型,姓名,证件类型,身份证号,联系人,手机,\
申请项目,材料清单,提交方式,申请时间,申请窗口,受理部门,部门代码,受理状态,受理人,受理人工号,不受理原因,\
受理回执号,受理时间,办结结果,办结说明,退回原因,证照名称,证照编号,证照有效期,发证单位,收费金额,办结时间,\
领取人,领取人证件类型,领取人证件号,领取方式,领取时间,登记时间,作废标志,作废原因,作废操作员,备注\r\n";

/// Writes files for `records` records into a drop folder; gives their bytes.
pub(crate) fn write(folder: &Path, records: u64) -> io::Result<u64> {
    let rows = records.div_ceil(RECORDS_PER_ROW);
    let units: Vec<String> = (0..DEPARTMENTS).map(unit_code).collect();
    let (mut bytes, mut text) = (0, String::new());
    for first in (0..rows).step_by(ROWS_PER_FILE as usize) {
        let path = folder.join(format!("window-{:06}.csv", first / ROWS_PER_FILE));
        let mut file = io::BufWriter::new(std::fs::File::create(path)?);
        text.clear();
        text.push_str(HEADER);
        for n in first..rows.min(first + ROWS_PER_FILE) {
            row(n, &units[(n % DEPARTMENTS) as usize], &mut text);
            if text.len() > 1 << 20 {
                bytes += put(&mut file, &mut text)?;
            }
        }
        bytes += put(&mut file, &mut text)?;
        file.flush()?;
    }
    Ok(bytes)
}

/// One file with one row that gives one record; it appears whole.
pub(crate) fn single(folder: &Path, n: u64) -> io::Result<()> {
    let mut text = String::from(HEADER);
    row(n, &unit_code(n % DEPARTMENTS), &mut text);
    // An application that nobody has accepted yet: the columns of its later stages are empty.
    let later = |(at, cell): (usize, &str)| match at {
        17..=31 => String::new(),
        _ => cell.to_owned(),
    };
    let (header, line) = text.trim_end().split_once("\r\n").unwrap_or_default();
    let cells: Vec<String> = line.split(',').enumerate().map(later).collect();
    let (bytes, _, _) = encoding_rs::GB18030.encode(header);
    let mut file = bytes.into_owned();
    file.extend_from_slice(b"\r\n");
    let line = cells.join(",");
    file.extend_from_slice(&encoding_rs::GB18030.encode(&line).0);
    file.extend_from_slice(b"\r\n");
    let hidden = folder.join(format!(".single-{n:06}"));
    std::fs::write(&hidden, file)?;
    std::fs::rename(hidden, folder.join(format!("window-{n:06}.csv")))
}

fn put(file: &mut impl Write, text: &mut String) -> io::Result<u64> {
    let (bytes, _, _) = encoding_rs::GB18030.encode(text);
    file.write_all(&bytes)?;
    let written = bytes.len() as u64;
    drop(bytes);
    text.clear();
    Ok(written)
}

/// The number of a case, as its row and its records write it.
pub(crate) fn number(n: u64) -> String {
    format!("{:04}20260105{:09}", n % DEPARTMENTS, n / DEPARTMENTS)
}

/// One row: a case applied for, accepted and completed.
fn row(n: u64, unit: &str, out: &mut String) {
    let (department, sequence, number) = (n % DEPARTMENTS, n / DEPARTMENTS, number(n));
    let region = format!("990103{:03}", department % 900 + 100);
    let day = 1 + sequence % 28;
    let body = format!("9901031990{:02}{:02}{:03}", 1 + n % 12, day, n % 1000);
    let id = format!("{body}{}", citizen_id_check_char(&body).unwrap_or('0'));
    write!(
        out,
        "{number},9901030010{department:05},残疾人证办理（首次申领、换领、\
         迁移、挂失补办）事项第{department:04}号,{region},个人,测试甲{department:04},身份证,{id},测试乙,\
         13900000000,残疾人证首次申领及相关补贴待遇一并申请，涉及居住地核实与等级评定,申请表一式两份；\
         居民身份证原件及复印件；户口簿原件及复印件；近期二寸免冠白底彩色照片三张；指定医院出具的残疾等级评定\
         意见书；监护关系证明材料（未成年人及智力、精神残疾人提供）；委托办理授权书；代办人身份证原件及复印件；\
         居住证明；其他依法应当提交的材料,窗口,2026-01-{day:02} 09:10:10,一楼综合服务大厅第三号窗口,\
         测试镇人民政府便民服务中心第{department:04}科,{unit},受理,经办丙,{department:04},,SL{n:012},\
         2026-01-{day:02} 10:00:00,出证,经审核，申请人提交的材料齐全、符合法定形式，依照《测试条例》第十二条\
         第二款之规定，准予办理并颁发证件，证件自颁发之日起生效，有效期届满前三十日内可以申请换领，逾期未换领的\
         依照有关规定处理；如对本决定不服，可以自收到之日起六十日内申请行政复议,,残疾人证,ZJ{n:014},长期,\
         测试县残疾人联合会,0,2026-01-{day:02} 16:30:00,,,,,,2026-01-{day:02} 09:12:00,,,,\r\n"
    )
    .expect("a String takes all text");
}

pub(crate) fn unit_code(department: u64) -> String {
    let body = format!("11990103{department:09}");
    let check = credit_code_check_char(&body).unwrap_or('0');
    format!("{body}{check}")
}
