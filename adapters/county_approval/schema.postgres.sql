-- The legacy approval system of a county, as its database stands.
--
-- The tables follow the habits of the field: one wide row a case that is overwritten as the case
-- moves on, child tables for steps, supplements and clock stops, `lastmodifiedtime` only where the
-- vendor happened to put one. These are schema.sql's in
-- PostgreSQL's dialect.
-- Times are local (Beijing) and written YYYY-MM-DD hh:mm:ss.

-- 办件信息: one row a case; 申办, 网上预受理, 受理, 办结 and 领取 lie side by side.
CREATE TABLE IF NOT EXISTS approval_case (
  case_id          VARCHAR(50)   NOT NULL PRIMARY KEY, -- 申办流水号
  item_code        VARCHAR(36)   NOT NULL,             -- 事项编码
  item_name        VARCHAR(200)  NOT NULL,             -- 事项名称
  area_code        VARCHAR(12)   NOT NULL,             -- 行政区划代码, 6/9/12 digits
  org_code         VARCHAR(18)   NOT NULL,             -- 部门统一社会信用代码
  org_name         VARCHAR(100)  NOT NULL,             -- 部门名称
  internal_no      VARCHAR(100),                       -- 部门业务流水号
  -- application 申办
  apply_type       VARCHAR(2)    NOT NULL,             -- 1 个人, 2 企业, 9 其他
  apply_name       VARCHAR(255)  NOT NULL,             -- 申请人名称
  cert_type        VARCHAR(20),                        -- SFZ 身份证, XYDM 信用代码, HZ 护照, JGZ 军官证, JGDM 机构代码, QT 其他
  cert_no          VARCHAR(50),                        -- 证件号码
  contact_name     VARCHAR(100),                       -- 联系人
  contact_phone    VARCHAR(50),                        -- 联系人手机
  project_name     VARCHAR(255),                       -- 申办项目名称
  material_list    VARCHAR(4000),                      -- 申办材料清单
  case_source      VARCHAR(2)    NOT NULL,             -- 1 窗口, 2 网上大厅, 3 一体机, 4 微信, 5 APP, 6 快递
  submit_time      TIMESTAMP     NOT NULL,             -- 申办时间
  submit_place     VARCHAR(200),                       -- 申办网点
  -- pre-acceptance 网上预受理
  pre_state        VARCHAR(2),                         -- 10 预审通过, 11 预审不通过, 3 补正补齐
  pre_name         VARCHAR(50),                        -- 预审人
  pre_staff_no     VARCHAR(30),                        -- 预审人工号
  pre_reason       VARCHAR(2000),                      -- 预审意见 (不受理原因 or 补正说明)
  pre_time         TIMESTAMP,                           -- 预审时间
  -- acceptance 受理
  accept_state     VARCHAR(2),                         -- 1 受理, 2 不予受理, 3 补正补齐, 9 不受理
  accept_name      VARCHAR(50),                        -- 受理人
  accept_staff_no  VARCHAR(30),                        -- 受理人工号
  notaccept_reason VARCHAR(2000),                      -- 不予受理原因
  accept_doc_no    VARCHAR(50),                        -- 受理回执号
  accept_time      TIMESTAMP,                           -- 受理时间
  -- completion 办结
  end_result       VARCHAR(2),                         -- 0 出证, 1 退回, 2 作废, 3 删除, 4 转报, 5 补正超时, 6 办结
  end_name         VARCHAR(50),                        -- 办结人
  end_desc         VARCHAR(2000),                      -- 办结结果描述
  end_reason       VARCHAR(2000),                      -- 作废或退回原因
  cert_name        VARCHAR(200),                       -- 证照名称
  cert_number      VARCHAR(50),                        -- 证照编号
  cert_valid       VARCHAR(30),                        -- 证照有效期限, YYYY-MM-DD or 长期
  cert_org         VARCHAR(100),                       -- 发证单位
  fee              DECIMAL(19,2),                      -- 收费金额, 元
  end_time         TIMESTAMP,                           -- 办结时间
  -- collection 领取
  collect_name     VARCHAR(100),                       -- 领取人
  collect_type     VARCHAR(20),                        -- 领取人证件类型, as cert_type
  collect_no       VARCHAR(50),                        -- 领取人证件号码
  collect_way      VARCHAR(2),                         -- 0 窗口, 8 快递
  collect_time     TIMESTAMP,                           -- 领取时间
  -- state and housekeeping
  case_state       VARCHAR(2)    NOT NULL,             -- 0 暂存 (never reported), 1 受理, 2 不予受理, 3 补正, 6 办结, 9 网上提交, 10/11 预审
  void_flag        CHAR(1)       NOT NULL DEFAULT 'N', -- Y: the row should never have been
  void_reason      VARCHAR(20),                        -- 01 录入错误, 02 重复录入, 03 测试数据, 09 其他
  void_by          VARCHAR(30),                        -- operator code, never a name
  created_time     TIMESTAMP,                           -- when the row was entered
  modified_time    TIMESTAMP     NOT NULL,             -- when the row was last written; the cursor
  remark           VARCHAR(500),                       -- 备注
  sync_flag        CHAR(1)       NOT NULL DEFAULT '0', -- outcome: 0 none yet, 1 accepted, 2 warnings, 3 rejected, 4 quarantined
  sync_error       VARCHAR(1000)                       -- the first violations, Chinese
);
CREATE INDEX IF NOT EXISTS approval_case_modified ON approval_case (modified_time, case_id);

-- 审批环节: overwritten in place, no modified time (detect = "compare").
CREATE TABLE IF NOT EXISTS approval_step (
  step_id     VARCHAR(50)   NOT NULL PRIMARY KEY,
  case_id     VARCHAR(50)   NOT NULL,
  step_no     INTEGER       NOT NULL,                  -- 审批步骤号, from 1 within the case
  step_code   VARCHAR(2)    NOT NULL,                  -- CB 承办, SH 审核, PZ 批准
  step_name   VARCHAR(100)  NOT NULL,                  -- 环节名称
  org_code    VARCHAR(18),                             -- 审批部门代码
  org_name    VARCHAR(100),                            -- 审批部门名称
  approver    VARCHAR(100),                            -- 审批人
  post_name   VARCHAR(100),                            -- 审批人职务
  opinion     VARCHAR(4000),                           -- 审批意见
  step_state  VARCHAR(2),                              -- TG 通过, BTG 不通过, TH 退回, QT 其他
  step_time   TIMESTAMP                                -- 审批时间
);
CREATE INDEX IF NOT EXISTS approval_step_case ON approval_step (case_id, step_no);

-- 补正: notice (告知) and receipt (受理) in one row; receive_* are empty until the papers come.
-- No modified time (detect = "compare").
CREATE TABLE IF NOT EXISTS supplement (
  supplement_id VARCHAR(50) NOT NULL PRIMARY KEY,
  case_id       VARCHAR(50) NOT NULL,
  seq           INTEGER     NOT NULL,                  -- 序号 within the case
  notice_by     VARCHAR(128),                          -- 告知发出人
  notice_reason VARCHAR(2000),                         -- 告知原因
  notice_list   VARCHAR(4000),                         -- 补正材料清单
  notice_limit  INTEGER,                               -- 告知期限, days
  notice_time   TIMESTAMP,                              -- 告知时间
  receive_by    VARCHAR(128),                          -- 受理办理人
  receive_list  VARCHAR(4000),                         -- 收到材料清单
  receive_place VARCHAR(200),                          -- 具体地点
  receive_time  TIMESTAMP                              -- 补正受理时间
);
CREATE INDEX IF NOT EXISTS supplement_case ON supplement (case_id, seq);

-- 特别程序申请 (the clock stops). It keeps lastmodifiedtime.
CREATE TABLE IF NOT EXISTS suspend (
  suspend_id        VARCHAR(50)   NOT NULL PRIMARY KEY,
  case_id           VARCHAR(50)   NOT NULL,
  seq               INTEGER       NOT NULL,            -- 序号 within the case
  special_type      VARCHAR(20)   NOT NULL,            -- YCSP 延长审批, TZ 听证, ZB 招标, PM 拍卖, JY 检验检测, JD 鉴定, PS 专家评审
  start_reason      VARCHAR(2000) NOT NULL,            -- 启动理由或依据
  content           VARCHAR(2000),                     -- 申请内容
  start_date        TIMESTAMP     NOT NULL,            -- 开始时间
  special_timelimit INTEGER       NOT NULL,            -- 时限
  limit_unit        CHAR(1)       NOT NULL,            -- G 工作日, Z 自然日
  approver          VARCHAR(60),                       -- 批准人
  suspend_username  VARCHAR(50)   NOT NULL,            -- 操作人
  lastmodifiedtime  TIMESTAMP     NOT NULL
);
CREATE INDEX IF NOT EXISTS suspend_modified ON suspend (lastmodifiedtime, suspend_id);

-- 特别程序结果 (the clock goes on); its number is that of its suspend row.
CREATE TABLE IF NOT EXISTS resume (
  resume_id        VARCHAR(50)   NOT NULL PRIMARY KEY,
  suspend_id       VARCHAR(50)   NOT NULL,
  case_id          VARCHAR(50)   NOT NULL,
  special_result   VARCHAR(2000) NOT NULL,             -- 特别程序结果
  result_date      TIMESTAMP,                           -- 结果产生日期
  end_date         TIMESTAMP     NOT NULL,             -- 结束日期
  fee              DECIMAL(19,2),                      -- 收费金额
  resume_username  VARCHAR(50)   NOT NULL,             -- 操作人
  lastmodifiedtime TIMESTAMP     NOT NULL
);
CREATE INDEX IF NOT EXISTS resume_modified ON resume (lastmodifiedtime, resume_id);

-- 申办材料: name, size and digest of each file. No modified time (detect = "compare").
CREATE TABLE IF NOT EXISTS material (
  material_id   VARCHAR(50)  NOT NULL PRIMARY KEY,
  case_id       VARCHAR(50)  NOT NULL,
  seq           INTEGER      NOT NULL,                 -- 序号 within the case
  material_name VARCHAR(200) NOT NULL,                 -- 材料名称
  file_kind     VARCHAR(2),                            -- ZZ 纸质, DZ 电子
  copy_kind     VARCHAR(2),                            -- YJ 原件, FY 复印件, DZ 电子件
  quantity      INTEGER,                               -- 数量
  file_name     VARCHAR(200),                          -- 附件名称
  file_type     VARCHAR(20),                           -- 附件类型, extension
  file_size     INTEGER,                               -- bytes
  file_md5      VARCHAR(32)                            -- 附件摘要 (MD5), as such systems keep it
);
CREATE INDEX IF NOT EXISTS material_case ON material (case_id, seq);
