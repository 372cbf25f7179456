-- The legacy approval system of a county on MariaDB or MySQL: the tables of schema.sql in their dialect.
--
-- Long texts are TEXT, because a row of InnoDB holds 65 535 bytes; the wide table's VARCHARs would not fit.
-- Times are local (Beijing) and written YYYY-MM-DD hh:mm:ss.

CREATE TABLE IF NOT EXISTS approval_case (
  case_id VARCHAR(50) NOT NULL PRIMARY KEY COMMENT '申办流水号',
  item_code VARCHAR(36) NOT NULL COMMENT '事项编码',
  item_name VARCHAR(200) NOT NULL COMMENT '事项名称',
  area_code VARCHAR(12) NOT NULL COMMENT '行政区划代码, 6/9/12 digits',
  org_code VARCHAR(18) NOT NULL COMMENT '部门统一社会信用代码',
  org_name VARCHAR(100) NOT NULL COMMENT '部门名称',
  internal_no VARCHAR(100) COMMENT '部门业务流水号',
  apply_type VARCHAR(2) NOT NULL COMMENT '1 个人, 2 企业, 9 其他',
  apply_name VARCHAR(255) NOT NULL COMMENT '申请人名称',
  cert_type VARCHAR(20) COMMENT 'SFZ 身份证, XYDM 信用代码, HZ 护照, JGZ 军官证, JGDM 机构代码, QT 其他',
  cert_no VARCHAR(50) COMMENT '证件号码',
  contact_name VARCHAR(100) COMMENT '联系人',
  contact_phone VARCHAR(50) COMMENT '联系人手机',
  project_name VARCHAR(255) COMMENT '申办项目名称',
  material_list TEXT COMMENT '申办材料清单',
  case_source VARCHAR(2) NOT NULL COMMENT '1 窗口, 2 网上大厅, 3 一体机, 4 微信, 5 APP, 6 快递',
  submit_time DATETIME NOT NULL COMMENT '申办时间',
  submit_place VARCHAR(200) COMMENT '申办网点',
  pre_state VARCHAR(2) COMMENT '10 预审通过, 11 预审不通过, 3 补正补齐',
  pre_name VARCHAR(50) COMMENT '预审人',
  pre_staff_no VARCHAR(30) COMMENT '预审人工号',
  pre_reason TEXT COMMENT '预审意见 (不受理原因 or 补正说明)',
  pre_time DATETIME COMMENT '预审时间',
  accept_state VARCHAR(2) COMMENT '1 受理, 2 不予受理, 3 补正补齐, 9 不受理',
  accept_name VARCHAR(50) COMMENT '受理人',
  accept_staff_no VARCHAR(30) COMMENT '受理人工号',
  notaccept_reason TEXT COMMENT '不予受理原因',
  accept_doc_no VARCHAR(50) COMMENT '受理回执号',
  accept_time DATETIME COMMENT '受理时间',
  end_result VARCHAR(2) COMMENT '0 出证, 1 退回, 2 作废, 3 删除, 4 转报, 5 补正超时, 6 办结',
  end_name VARCHAR(50) COMMENT '办结人',
  end_desc TEXT COMMENT '办结结果描述',
  end_reason TEXT COMMENT '作废或退回原因',
  cert_name VARCHAR(200) COMMENT '证照名称',
  cert_number VARCHAR(50) COMMENT '证照编号',
  cert_valid VARCHAR(30) COMMENT '证照有效期限, YYYY-MM-DD or 长期',
  cert_org VARCHAR(100) COMMENT '发证单位',
  fee DECIMAL(19,2) COMMENT '收费金额, 元',
  end_time DATETIME COMMENT '办结时间',
  collect_name VARCHAR(100) COMMENT '领取人',
  collect_type VARCHAR(20) COMMENT '领取人证件类型, as cert_type',
  collect_no VARCHAR(50) COMMENT '领取人证件号码',
  collect_way VARCHAR(2) COMMENT '0 窗口, 8 快递',
  collect_time DATETIME COMMENT '领取时间',
  case_state VARCHAR(2) NOT NULL COMMENT '0 暂存 (never reported), 1 受理, 2 不予受理, 3 补正, 6 办结, 9 网上提交, 10/11 预审',
  void_flag CHAR(1) NOT NULL DEFAULT 'N' COMMENT 'Y: the row should never have been',
  void_reason VARCHAR(20) COMMENT '01 录入错误, 02 重复录入, 03 测试数据, 09 其他',
  void_by VARCHAR(30) COMMENT 'operator code, never a name',
  created_time DATETIME COMMENT 'when the row was entered',
  modified_time DATETIME NOT NULL COMMENT 'when the row was last written; the cursor',
  remark VARCHAR(500) COMMENT '备注',
  sync_flag CHAR(1) NOT NULL DEFAULT '0' COMMENT 'outcome: 0 none yet, 1 accepted, 2 warnings, 3 rejected, 4 quarantined',
  sync_error TEXT COMMENT 'the first violations, Chinese',
  KEY approval_case_modified (modified_time, case_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='办件信息';

CREATE TABLE IF NOT EXISTS approval_step (
  step_id VARCHAR(50) NOT NULL PRIMARY KEY,
  case_id VARCHAR(50) NOT NULL,
  step_no INT NOT NULL COMMENT '审批步骤号, from 1 within the case',
  step_code VARCHAR(2) NOT NULL COMMENT 'CB 承办, SH 审核, PZ 批准',
  step_name VARCHAR(100) NOT NULL COMMENT '环节名称',
  org_code VARCHAR(18) COMMENT '审批部门代码',
  org_name VARCHAR(100) COMMENT '审批部门名称',
  approver VARCHAR(100) COMMENT '审批人',
  post_name VARCHAR(100) COMMENT '审批人职务',
  opinion TEXT COMMENT '审批意见',
  step_state VARCHAR(2) COMMENT 'TG 通过, BTG 不通过, TH 退回, QT 其他',
  step_time DATETIME COMMENT '审批时间',
  KEY approval_step_case (case_id, step_no)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='审批环节';

CREATE TABLE IF NOT EXISTS supplement (
  supplement_id VARCHAR(50) NOT NULL PRIMARY KEY,
  case_id VARCHAR(50) NOT NULL,
  seq INT NOT NULL COMMENT '序号 within the case',
  notice_by VARCHAR(128) COMMENT '告知发出人',
  notice_reason TEXT COMMENT '告知原因',
  notice_list TEXT COMMENT '补正材料清单',
  notice_limit INT COMMENT '告知期限, days',
  notice_time DATETIME COMMENT '告知时间',
  receive_by VARCHAR(128) COMMENT '受理办理人',
  receive_list TEXT COMMENT '收到材料清单',
  receive_place VARCHAR(200) COMMENT '具体地点',
  receive_time DATETIME COMMENT '补正受理时间',
  KEY supplement_case (case_id, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='补正';

CREATE TABLE IF NOT EXISTS suspend (
  suspend_id VARCHAR(50) NOT NULL PRIMARY KEY,
  case_id VARCHAR(50) NOT NULL,
  seq INT NOT NULL COMMENT '序号 within the case',
  special_type VARCHAR(20) NOT NULL COMMENT 'YCSP 延长审批, TZ 听证, ZB 招标, PM 拍卖, JY 检验检测, JD 鉴定, PS 专家评审',
  start_reason TEXT NOT NULL COMMENT '启动理由或依据',
  content TEXT COMMENT '申请内容',
  start_date DATETIME NOT NULL COMMENT '开始时间',
  special_timelimit INT NOT NULL COMMENT '时限',
  limit_unit CHAR(1) NOT NULL COMMENT 'G 工作日, Z 自然日',
  approver VARCHAR(60) COMMENT '批准人',
  suspend_username VARCHAR(50) NOT NULL COMMENT '操作人',
  lastmodifiedtime DATETIME NOT NULL,
  KEY suspend_modified (lastmodifiedtime, suspend_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='特别程序申请';

CREATE TABLE IF NOT EXISTS resume (
  resume_id VARCHAR(50) NOT NULL PRIMARY KEY,
  suspend_id VARCHAR(50) NOT NULL,
  case_id VARCHAR(50) NOT NULL,
  special_result TEXT NOT NULL COMMENT '特别程序结果',
  result_date DATETIME COMMENT '结果产生日期',
  end_date DATETIME NOT NULL COMMENT '结束日期',
  fee DECIMAL(19,2) COMMENT '收费金额',
  resume_username VARCHAR(50) NOT NULL COMMENT '操作人',
  lastmodifiedtime DATETIME NOT NULL,
  KEY resume_modified (lastmodifiedtime, resume_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='特别程序结果';

CREATE TABLE IF NOT EXISTS material (
  material_id VARCHAR(50) NOT NULL PRIMARY KEY,
  case_id VARCHAR(50) NOT NULL,
  seq INT NOT NULL COMMENT '序号 within the case',
  material_name VARCHAR(200) NOT NULL COMMENT '材料名称',
  file_kind VARCHAR(2) COMMENT 'ZZ 纸质, DZ 电子',
  copy_kind VARCHAR(2) COMMENT 'YJ 原件, FY 复印件, DZ 电子件',
  quantity INT COMMENT '数量',
  file_name VARCHAR(200) COMMENT '附件名称',
  file_type VARCHAR(20) COMMENT '附件类型, extension',
  file_size INT COMMENT 'bytes',
  file_md5 VARCHAR(32) COMMENT '附件摘要 (MD5), as such systems keep it',
  KEY material_case (case_id, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='申办材料';
