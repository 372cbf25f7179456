-- 前置库：INF_APPLYDOC with the columns of the province, and what of INF_APPLY it is joined with.

CREATE TABLE IF NOT EXISTS INF_APPLY (
  NO          VARCHAR(50) NOT NULL,  -- 流水号
  ORG_ID      VARCHAR(10) NOT NULL,  -- 部门编码
  INTERNAL_NO VARCHAR(100) NOT NULL, -- 部门内部办件编号
  ITEM_ID     VARCHAR(100) NOT NULL, -- 权力编码
  PRIMARY KEY (NO)
);

CREATE TABLE IF NOT EXISTS INF_APPLYDOC (
  NO            VARCHAR(50) NOT NULL,  -- 流水号
  UPDATE_DATE   DATETIME NOT NULL,     -- 信息更新时间
  READ_DATE     DATETIME,              -- 信息读取时间
  SYNC_SIGN     VARCHAR(1),            -- 信息同步标志
  ERROR_DESC    VARCHAR(1000),         -- 同步出错原因
  ITEM_ID       VARCHAR(100) NOT NULL, -- 权力编码
  INTERNAL_NO   VARCHAR(100) NOT NULL, -- 部门内部办件编号
  PROCESS_NO    VARCHAR(100),          -- 步骤序号
  DOC_NO        VARCHAR(100) NOT NULL, -- 材料编号
  DOC_TYPE      VARCHAR(1) NOT NULL,   -- 材料类型
  DOC_SORT      VARCHAR(1) NOT NULL,   -- 材料分类
  DOC_NAME      VARCHAR(200) NOT NULL, -- 文件名称
  DOCUMENT_NAME VARCHAR(200) NOT NULL, -- 材料名称
  DOC_FILE      BLOB,                  -- 材料内容
  PRIMARY KEY (NO)
);
