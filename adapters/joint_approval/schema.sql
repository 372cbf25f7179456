-- 并联审批系统：the tables of joint approval as its vendor made them. Texts throughout, also times (YYYY-MM-DD hh:mm:ss).

CREATE TABLE IF NOT EXISTS joint_case (
  joint_no        VARCHAR(64) NOT NULL, -- 联办编号
  joint_kind      VARCHAR(64),          -- 联办类型
  joint_item_code VARCHAR(64),          -- 一件事编码
  joint_item_name VARCHAR(200),         -- 联办事项名称
  apply_type      VARCHAR(64),          -- 申请人类型
  apply_name      VARCHAR(200),         -- 申请人名称
  cert_type       VARCHAR(64),          -- 申请人证件类型
  cert_no         VARCHAR(64),          -- 申请人证件号码
  item_count      VARCHAR(64),          -- 联办事项数量
  lead_name       VARCHAR(200),         -- 办结单位名称
  lead_code       VARCHAR(64),          -- 办结单位代码
  apply_time      VARCHAR(64),          -- 申请时间
  promise_time    VARCHAR(64),          -- 承诺办结时间
  result          VARCHAR(64),          -- 联办结果
  result_text     VARCHAR(2000),        -- 结果描述
  end_time        VARCHAR(64),          -- 办结时间
  area_code       VARCHAR(64),          -- 行政区划代码
  remark          VARCHAR(2000),        -- 备注
  PRIMARY KEY (joint_no)
);

CREATE TABLE IF NOT EXISTS joint_child (
  joint_no  VARCHAR(64) NOT NULL, -- 联办编号
  case_no   VARCHAR(64) NOT NULL, -- 申请流水号
  item_code VARCHAR(64),          -- 事项编码
  org_name  VARCHAR(200),         -- 承办单位名称
  org_code  VARCHAR(64),          -- 承办单位代码
  step_no   VARCHAR(64),          -- 办理顺序
  send_time VARCHAR(64),          -- 分送时间
  area_code VARCHAR(64),          -- 行政区划代码
  remark    VARCHAR(2000),        -- 备注
  PRIMARY KEY (joint_no, case_no)
);

CREATE TABLE IF NOT EXISTS pledge (
  case_no      VARCHAR(64) NOT NULL, -- 申请流水号
  seq          VARCHAR(64) NOT NULL, -- 序号
  item_code    VARCHAR(64),          -- 事项编码
  content      VARCHAR(2000),        -- 承诺内容
  replaced     VARCHAR(2000),        -- 代替的证明或材料
  pledge_time  VARCHAR(64),          -- 承诺时间
  check_limit  VARCHAR(64),          -- 核查期限
  check_result VARCHAR(64),          -- 核查结果
  check_text   VARCHAR(2000),        -- 核查说明
  check_time   VARCHAR(64),          -- 核查时间
  org_name     VARCHAR(200),         -- 核查单位名称
  org_code     VARCHAR(64),          -- 核查单位代码
  area_code    VARCHAR(64),          -- 行政区划代码
  PRIMARY KEY (case_no, seq)
);

CREATE TABLE IF NOT EXISTS deferral (
  case_no      VARCHAR(64) NOT NULL, -- 申请流水号
  seq          VARCHAR(64) NOT NULL, -- 序号
  item_code    VARCHAR(64),          -- 事项编码
  missing      VARCHAR(2000),        -- 缺少的材料
  defer_time   VARCHAR(64),          -- 容缺受理时间
  supply_limit VARCHAR(64),          -- 补齐期限
  defer_state  VARCHAR(64),          -- 容缺状态
  supply_time  VARCHAR(64),          -- 补齐时间
  org_name     VARCHAR(200),         -- 受理单位名称
  org_code     VARCHAR(64),          -- 受理单位代码
  area_code    VARCHAR(64),          -- 行政区划代码
  PRIMARY KEY (case_no, seq)
);

CREATE TABLE IF NOT EXISTS payment (
  case_no       VARCHAR(64) NOT NULL, -- 申请流水号
  seq           VARCHAR(64) NOT NULL, -- 序号
  item_code     VARCHAR(64),          -- 事项编码
  bill_no       VARCHAR(64),          -- 缴款单号
  fee_name      VARCHAR(200),         -- 收费项目名称
  receivable    VARCHAR(64),          -- 应收金额
  paid          VARCHAR(64),          -- 实收金额
  relief_reason VARCHAR(2000),        -- 减免原因
  pay_way       VARCHAR(64),          -- 缴费方式
  bill_time     VARCHAR(64),          -- 缴费通知时间
  pay_time      VARCHAR(64),          -- 缴费时间
  org_name      VARCHAR(200),         -- 收费单位名称
  org_code      VARCHAR(64),          -- 收费单位代码
  area_code     VARCHAR(64),          -- 行政区划代码
  PRIMARY KEY (case_no, seq)
);
