-- 前置库：the six tables of supervision, with the columns of the province, and what of INF_APPLY and INF_PUNISH they are
-- joined with. ATTACHMENT is not read.

CREATE TABLE IF NOT EXISTS INF_APPLY (
  NO          VARCHAR(50) NOT NULL,  -- 流水号
  ORG_ID      VARCHAR(10) NOT NULL,  -- 部门编码
  INTERNAL_NO VARCHAR(100) NOT NULL, -- 部门内部办件编号
  ITEM_ID     VARCHAR(100) NOT NULL, -- 权力编码
  PRIMARY KEY (NO)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS INF_PUNISH (
  NO          VARCHAR(50) NOT NULL,  -- 流水号
  ORG_ID      VARCHAR(10) NOT NULL,  -- 部门编码
  INTERNAL_NO VARCHAR(100) NOT NULL, -- 部门内部办件编号
  ITEM_ID     VARCHAR(100) NOT NULL, -- 权力编码
  PRIMARY KEY (NO)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS INF_SUPINFO (
  NO              VARCHAR(50) NOT NULL,  -- 流水号，即督办件编号
  SUPERVISE_TYPE  VARCHAR(1) NOT NULL,   -- 督办类型
  INTERNAL_NO     VARCHAR(100),          -- 部门内部办件编号
  ITEM_ID         VARCHAR(100),          -- 权力编码
  ORG_ID          VARCHAR(10) NOT NULL,  -- 业务所在部门编码
  SORTNO          VARCHAR(100) NOT NULL, -- 序号
  SUPERVISEOPTION VARCHAR(200),          -- 督办建议
  OPERATORNAME    VARCHAR(100),          -- 发起督办人员
  SUPERDATE       DATETIME NOT NULL,     -- 发起督办时间
  ATTACHMENT      TEXT,                  -- 相关附件
  UPDATE_DATE     DATETIME,              -- 写入前置机时间
  SYNC_DATE       DATETIME,              -- 信息同步读取时间
  SYNC_SIGN       VARCHAR(1),            -- 信息同步标志
  SYNC_ERROR_DESC VARCHAR(1000),         -- 信息同步错误原因
  PRIMARY KEY (NO)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS INF_SUPBACK (
  NO              VARCHAR(50) NOT NULL,  -- 流水号，即督办件编号
  ORG_ID          VARCHAR(10),           -- 部门编码
  SUPERVISEBACK   VARCHAR(200) NOT NULL, -- 督办反馈信息
  OPERATORNAME    VARCHAR(100) NOT NULL, -- 反馈人员
  MONITOR_ID      VARCHAR(50) NOT NULL,  -- 反馈人ID
  RECEIPTDATE     DATETIME NOT NULL,     -- 反馈督办时间
  ATTACHMENT      TEXT,                  -- 相关附件
  UPDATE_DATE     DATETIME,              -- 写入前置机时间
  SYNC_DATE       DATETIME,              -- 信息同步读取时间
  SYNC_SIGN       VARCHAR(1),            -- 信息同步标志
  SYNC_ERROR_DESC VARCHAR(1000),         -- 信息同步错误原因
  PRIMARY KEY (NO)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS INF_SUPINFO_RESULT (
  NO              VARCHAR(50) NOT NULL, -- 流水号，即督办件编号
  ISEXTERNAL      NUMERIC(1),           -- 有无客观原因
  SUPERVISERESULT VARCHAR(200),         -- 督办结论
  ENDDATE         DATETIME,             -- 结束督办时间
  ENDOPERATORNAME VARCHAR(100),         -- 督办结论办理人
  UPDATE_DATE     DATETIME,             -- 写入前置机时间
  SYNC_DATE       DATETIME,             -- 信息同步读取时间
  SYNC_SIGN       VARCHAR(1),           -- 信息同步标志
  SYNC_ERROR_DESC VARCHAR(1000),        -- 信息同步错误原因
  PRIMARY KEY (NO)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS MONITOR_SUPERVISE (
  NO                   VARCHAR(50) NOT NULL,   -- 流水号，即督办件编号
  BJ_NO                VARCHAR(50) NOT NULL,   -- 办件流水号，INF_APPLY、INF_PUNISH 的 NO
  BJ_TYPE              VARCHAR(1) NOT NULL,    -- 办件类型
  ASSOCIATION          VARCHAR(50),            -- 异常办件关联号
  SUPERVISE_ORG_ID     VARCHAR(10) NOT NULL,   -- 督办发起部门编码
  SUPERVISE_PERSON     VARCHAR(100) NOT NULL,  -- 督办发起人姓名
  SUPERVISE_ID         VARCHAR(50) NOT NULL,   -- 督办人ID
  MONITOR_ORG_ID       VARCHAR(50) NOT NULL,   -- 被督办部门编码
  MONITOR_NAME         VARCHAR(100) NOT NULL,  -- 被督办部门名称
  SUPERVISE_DATE       DATETIME NOT NULL,      -- 发出督办时间
  SUPERVISE_OPINION    VARCHAR(4000) NOT NULL, -- 督办意见
  ATTACHMENT           TEXT,                   -- 相关附件
  SUPERVISE_REPLY_DATE DATETIME NOT NULL,      -- 督办反馈截止时间
  UPDATE_DATE          DATETIME,               -- 写入前置机时间
  SYNC_DATE            DATETIME,               -- 信息同步读取时间
  SYNC_SIGN            VARCHAR(1),             -- 信息同步标志
  SYNC_ERROR_DESC      VARCHAR(1000),          -- 信息同步错误原因
  PRIMARY KEY (NO)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS MONITOR_SUPERVISE_REPLY (
  NO              VARCHAR(50) NOT NULL,   -- 流水号
  MONITOR_NO      VARCHAR(50) NOT NULL,   -- 督办件编号
  MONITOR_PERSON  VARCHAR(50) NOT NULL,   -- 反馈人姓名
  MONITOR_ID      VARCHAR(50) NOT NULL,   -- 反馈人ID
  REPLY_DATE      DATETIME NOT NULL,      -- 督办反馈处理时间
  REPLY_OPINION   VARCHAR(4000) NOT NULL, -- 反馈意见
  ATTACHMENT      TEXT,                   -- 相关附件
  UPDATE_DATE     DATETIME,               -- 写入前置机时间
  SYNC_DATE       DATETIME,               -- 信息同步读取时间
  SYNC_SIGN       VARCHAR(1),             -- 信息同步标志
  SYNC_ERROR_DESC VARCHAR(1000),          -- 信息同步错误原因
  PRIMARY KEY (NO)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS MONITOR_SUPERVISE_RESULT (
  NO              VARCHAR(50) NOT NULL, -- 流水号
  MONITOR_NO      VARCHAR(50) NOT NULL, -- 督办件编号
  END_DATE        DATETIME NOT NULL,    -- 办结时间
  CONFIRM         VARCHAR(1) NOT NULL,  -- 反馈是否属实
  END_OPINION     VARCHAR(4000),        -- 办结意见
  UPDATE_DATE     DATETIME,             -- 写入前置机时间
  SYNC_DATE       DATETIME,             -- 信息同步读取时间
  SYNC_SIGN       VARCHAR(1),           -- 信息同步标志
  SYNC_ERROR_DESC VARCHAR(1000),        -- 信息同步错误原因
  PRIMARY KEY (NO)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
