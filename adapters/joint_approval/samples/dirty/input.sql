-- The same rows in the tables of schema.sql, as the system writes them.

DELETE FROM joint_case WHERE joint_no = 'LB2026-0011';
INSERT INTO joint_case (joint_no, joint_kind, joint_item_code, joint_item_name, apply_type, apply_name, cert_type, cert_no, item_count, lead_name, lead_code, apply_time, promise_time, area_code)
  VALUES ('LB2026-0011', 'XX', 'YJS-001', '开办餐饮店', 'QY', '测试食品店', 'XYDM', '91990103000000027D', '2', '测试县行政审批局', '11990103000000019T', '2026-11-02 09:00:00', '2026-11-20', '990103');
DELETE FROM joint_case WHERE joint_no = 'LB2026-0012';
INSERT INTO joint_case (joint_no, joint_kind, joint_item_code, joint_item_name, apply_type, apply_name, cert_type, cert_no, item_count, lead_name, lead_code, apply_time, promise_time, area_code)
  VALUES ('LB2026-0012', 'YJS', 'YJS-001', '开办餐饮店', 'GR', '测试食品店', 'SFZ', '990103199001010010', '2', '测试县行政审批局', '11990103000000019T', '2026-11-02 09:00:00', '2026-11-20', '990103');
DELETE FROM joint_case WHERE joint_no = 'LB2026-0013';
INSERT INTO joint_case (joint_no, joint_kind, joint_item_code, joint_item_name, apply_type, apply_name, cert_type, cert_no, item_count, lead_name, lead_code, apply_time, promise_time, area_code)
  VALUES ('LB2026-0013', 'YJS', 'YJS-001', '开办餐饮店', 'QY', '测试食品店', 'XYDM', '91990103000000027D', '0', '测试县行政审批局', '11990103000000019T', '2026-11-02 09:00:00', '2026-11-20', '990103');
DELETE FROM joint_case WHERE joint_no = 'LB2026-0014';
INSERT INTO joint_case (joint_no, joint_kind, joint_item_code, joint_item_name, apply_type, apply_name, cert_type, cert_no, item_count, lead_name, lead_code, apply_time, promise_time, area_code, result, end_time)
  VALUES ('LB2026-0014', 'YJS', 'YJS-001', '开办餐饮店', 'QY', '测试食品店', 'XYDM', '91990103000000027D', '2', '测试县行政审批局', '11990103000000019T', '2026-11-02 09:00:00', '2026-11-20', '990103', 'BF', '2026-11-10');
DELETE FROM joint_child WHERE joint_no = 'LB2026-0099' AND case_no = '990103202611000119';
INSERT INTO joint_child (joint_no, case_no, item_code, org_name, org_code, step_no, send_time, area_code)
  VALUES ('LB2026-0099', '990103202611000119', '990103002000201', '测试区市场监督管理局', '119901030000000516', '1', '2026-11-02 09:30:00', '990103');
DELETE FROM pledge WHERE case_no = '990103202611000111' AND seq = '1';
INSERT INTO pledge (case_no, seq, item_code, org_name, org_code, area_code, content, replaced, pledge_time, check_limit, check_result, check_time)
  VALUES ('990103202611000111', '1', '990103002000201', '测试区市场监督管理局', '119901030000000516', '990103', '承诺经营场所符合要求', '场所证明', '2026-11-02 10:00:00', '2026-12-02', '2', '2026-11-09');
DELETE FROM deferral WHERE case_no = '990103202611000111' AND seq = '1';
INSERT INTO deferral (case_no, seq, item_code, org_name, org_code, area_code, missing, defer_time, supply_limit, defer_state)
  VALUES ('990103202611000111', '1', '990103002000201', '测试区市场监督管理局', '119901030000000516', '990103', '健康证复印件', '2026-11-02 10:00:00', '2026-11-09', 'BQ');
DELETE FROM deferral WHERE case_no = '990103202611000112' AND seq = '1';
INSERT INTO deferral (case_no, seq, item_code, org_name, org_code, area_code, missing, defer_time, supply_limit, defer_state, supply_time)
  VALUES ('990103202611000112', '1', '990103002000201', '测试区市场监督管理局', '119901030000000517', '990103', '健康证复印件', '2026-11-02 10:00:00', '2026-11-09', 'BQ', '2026-11-05');
DELETE FROM payment WHERE case_no = '990103202611000111' AND seq = '1';
INSERT INTO payment (case_no, seq, item_code, org_name, org_code, area_code, bill_no, fee_name, receivable, paid, pay_way, bill_time, pay_time)
  VALUES ('990103202611000111', '1', '990103002000201', '测试区市场监督管理局', '119901030000000516', '990103', 'JK-0001', '工本费', '10', '10.00', 'XS', '2026-11-04 09:00:00', '2026-11-03');
DELETE FROM payment WHERE case_no = '990103202611000112' AND seq = '1';
INSERT INTO payment (case_no, seq, item_code, org_name, org_code, area_code, bill_no, fee_name, receivable, paid, pay_way, bill_time, pay_time)
  VALUES ('990103202611000112', '1', '990103002000201', '测试区市场监督管理局', '119901030000000516', '990103', 'JK-0001', '工本费', '10', '十元', 'XS', '2026-11-04 09:00:00', '2026-11-04 09:05:00');
