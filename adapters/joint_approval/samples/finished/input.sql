-- The same rows in the tables of schema.sql, as the system writes them.

DELETE FROM joint_case WHERE joint_no = 'LB2026-0021';
INSERT INTO joint_case (joint_no, joint_kind, joint_item_code, joint_item_name, apply_type, apply_name, cert_type, cert_no, item_count, lead_name, lead_code, apply_time, promise_time, area_code)
  VALUES ('LB2026-0021', 'YJS', 'YJS-001', '开办餐饮店', 'QY', '测试食品店', 'XYDM', '91990103000000027D', '2', '测试县行政审批局', '11990103000000019T', '2026-11-02 09:00:00', '2026-11-20', '990103');
DELETE FROM joint_child WHERE joint_no = 'LB2026-0021' AND case_no = '990103202611000121';
INSERT INTO joint_child (joint_no, case_no, item_code, org_name, org_code, step_no, send_time, area_code)
  VALUES ('LB2026-0021', '990103202611000121', '990103002000201', '测试区市场监督管理局', '119901030000000516', '1', '2026-11-02 09:30:00', '990103');
DELETE FROM pledge WHERE case_no = '990103202611000121' AND seq = '1';
INSERT INTO pledge (case_no, seq, item_code, org_name, org_code, area_code, content, replaced, pledge_time, check_limit)
  VALUES ('990103202611000121', '1', '990103002000201', '测试区市场监督管理局', '119901030000000516', '990103', '承诺经营场所符合要求', '场所证明', '2026-11-02 10:00:00', '2026-12-02');
