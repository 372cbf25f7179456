-- The same rows in the tables of schema.sql, as the system writes them; {now} is the moment of writing.

DELETE FROM approval_case WHERE case_id = 'SP2014091900101';
INSERT INTO approval_case (case_id, item_code, item_name, area_code, org_code, org_name, internal_no, apply_type, apply_name, cert_type, cert_no, contact_name, contact_phone, project_name, material_list, case_source, submit_time, submit_place, accept_state, accept_name, accept_staff_no, accept_doc_no, accept_time, case_state, void_flag, created_time, modified_time)
  VALUES ('SP2014091900101', '990103002000201', '食品经营许可', '990103', '11990103000000019T', '测试县行政审批局', '内审2014-0001', '2', '测试食品店', 'XYDM', '919901030000077711', '测试己', '13900000010', '食品经营许可新办', '申请书；营业执照', '2', '2014-09-19 08:30:00', '县政务大厅', '1', '受理辛', '0102', 'SL-2014-0001', '2014-09-19 10:00:00', '1', 'N', '2014-09-19 08:30:05', '{now}');
DELETE FROM approval_case WHERE case_id = 'SP2014091900102';
INSERT INTO approval_case (case_id, item_code, item_name, area_code, org_code, org_name, internal_no, apply_type, apply_name, cert_type, cert_no, contact_name, contact_phone, project_name, material_list, case_source, submit_time, submit_place, pre_state, pre_name, pre_staff_no, pre_reason, pre_time, case_state, void_flag, created_time, modified_time)
  VALUES ('SP2014091900102', '990103002000201', '食品经营许可', '990103', '11990103000000019T', '测试县行政审批局', '内审2014-0001', '1', '测试食品店', 'SFZ', '990103900101001', '测试己', '13900000010', '食品经营许可新办', '申请书；营业执照', '2', '2014-09-19 08:30:00', '县政务大厅', '10', '预审庚', '0101', '材料齐全', '2014-09-19 09:00:00', '1', 'N', '2014-09-19 08:30:05', '{now}');
DELETE FROM approval_case WHERE case_id = 'SP2014091900103';
INSERT INTO approval_case (case_id, item_code, item_name, area_code, org_code, org_name, internal_no, apply_type, apply_name, cert_type, cert_no, contact_name, contact_phone, project_name, material_list, case_source, submit_time, submit_place, case_state, void_flag, created_time, modified_time)
  VALUES ('SP2014091900103', '990103002000201', '食品经营许可', '990103', '11990103000000019T', '测试县行政审批局', '内审2014-0001', '2', '测试食品店', 'DJZ', '91990103000007771A', '测试己', '13900000010', '食品经营许可新办', '申请书；营业执照', '2', '2014-09-19 08:30:00', '县政务大厅', '1', 'N', '2014-09-19 08:30:05', '{now}');
DELETE FROM approval_case WHERE case_id = 'SP2014091900104';
INSERT INTO approval_case (case_id, item_code, item_name, area_code, org_code, org_name, internal_no, apply_type, apply_name, cert_type, cert_no, contact_name, contact_phone, project_name, material_list, case_source, submit_time, submit_place, pre_state, pre_name, pre_staff_no, pre_reason, pre_time, case_state, void_flag, created_time, modified_time)
  VALUES ('SP2014091900104', '990103002000201', '食品经营许可', '990103', '11990103000000019T', '测试县行政审批局', '内审2014-0001', '2', '测试食品店', 'XYDM', '91990103000007771A', '测试己', '13900000010', '食品经营许可新办', '申请书；营业执照', '2', '2014-09-19 08:30:00', '县政务大厅', '11', '预审庚', '0101', NULL, '2014-09-19 09:00:00', '1', 'N', '2014-09-19 08:30:05', '{now}');
DELETE FROM approval_case WHERE case_id = 'SP2014091900105';
INSERT INTO approval_case (case_id, item_code, item_name, area_code, org_code, org_name, internal_no, apply_type, apply_name, cert_type, cert_no, contact_name, contact_phone, project_name, material_list, case_source, submit_time, submit_place, accept_state, accept_name, accept_staff_no, accept_doc_no, accept_time, case_state, void_flag, created_time, modified_time)
  VALUES ('SP2014091900105', '990103002000201', '食品经营许可', '990103', '11990103000000019T', '测试县行政审批局', '内审2014-0001', '2', '测试食品店', 'XYDM', '91990103000007771A', '测试己', '13900000010', '食品经营许可新办', '申请书；营业执照', '2', '2014-09-20 08:00:00', '县政务大厅', '1', '受理辛', '0102', 'SL-2014-0001', '2014-09-19 10:00:00', '1', 'N', '2014-09-19 08:30:05', '{now}');
DELETE FROM approval_case WHERE case_id = 'SP2014091900106';
INSERT INTO approval_case (case_id, item_code, item_name, area_code, org_code, org_name, internal_no, apply_type, apply_name, cert_type, cert_no, contact_name, contact_phone, project_name, material_list, case_source, submit_time, submit_place, accept_state, accept_name, accept_staff_no, accept_doc_no, accept_time, end_result, end_desc, cert_name, cert_number, cert_valid, cert_org, fee, end_time, case_state, void_flag, created_time, modified_time)
  VALUES ('SP2014091900106', '990103002000201', '食品经营许可', '990103', '11990103000000019T', '测试县行政审批局', '内审2014-0001', '2', '测试食品店', 'XYDM', '91990103000007771A', '测试己', '13900000010', '食品经营许可新办', '申请书；营业执照', '2', '2014-09-19 08:30:00', '县政务大厅', '1', '受理辛', '0102', 'SL-2014-0001', '2014-09-19 10:00:00', '0', '准予许可', '食品经营许可证', NULL, '2019-09-29', '测试县行政审批局', '1000', '2014-09-19 09:00:00', '1', 'N', '2014-09-19 08:30:05', '{now}');
DELETE FROM approval_case WHERE case_id = 'SP2014091900107';
INSERT INTO approval_case (case_id, item_code, item_name, area_code, org_code, org_name, internal_no, apply_type, apply_name, cert_type, cert_no, contact_name, contact_phone, project_name, material_list, case_source, submit_time, submit_place, case_state, void_flag, created_time, modified_time)
  VALUES ('SP2014091900107', '990103002000201', '食品经营许可', '990103', '', '测试县行政审批局', '内审2014-0001', '2', '测试食品店', 'XYDM', '91990103000007771A', '测试己', '13900000010', '食品经营许可新办', '申请书；营业执照', '2', '2014-09-19 08:30:00', '县政务大厅', '1', 'N', '2014-09-19 08:30:05', '{now}');
DELETE FROM approval_step WHERE step_id = 'S1';
INSERT INTO approval_step (step_id, case_id, step_no, step_code, step_name, org_code, org_name, approver, post_name, opinion, step_state, step_time)
  VALUES ('S1', 'SP2014091900105', '1', 'CB', '承办', '11990103000000019T', '测试县行政审批局', '审批癸', '科长', '同意', 'TG', '2014-09-18 10:00:00');
DELETE FROM approval_step WHERE step_id = 'S2';
INSERT INTO approval_step (step_id, case_id, step_no, step_code, step_name, org_code, org_name, approver, post_name, opinion, step_state, step_time)
  VALUES ('S2', 'SP2014091900104', '2', 'FH', '复核', '11990103000000019T', '测试县行政审批局', '审批癸', '科长', '同意', 'TG', '2014-09-28 10:00:00');
DELETE FROM approval_step WHERE step_id = 'S3';
INSERT INTO approval_step (step_id, case_id, step_no, step_code, step_name, org_code, org_name, approver, post_name, opinion, step_state, step_time)
  VALUES ('S3', 'SP2014091900104', '3', 'PZ', '批准', '11990103000000019T', '测试县行政审批局', NULL, '科长', '同意', 'TG', NULL);
DELETE FROM approval_step WHERE step_id = 'S4';
INSERT INTO approval_step (step_id, case_id, step_no, step_code, step_name, org_code, org_name, approver, post_name, opinion, step_state, step_time)
  VALUES ('S4', 'SP2014091909999', '4', 'CB', '承办', '11990103000000019T', '测试县行政审批局', '审批癸', '科长', '同意', 'TG', '2014-09-28 10:00:00');
DELETE FROM suspend WHERE suspend_id = 'T1';
INSERT INTO suspend (suspend_id, case_id, seq, special_type, start_reason, content, start_date, special_timelimit, limit_unit, approver, suspend_username, lastmodifiedtime)
  VALUES ('T1', 'SP2014091900104', '1', 'YCSP', '现场核查需检验', '委托检验', '2014-09-22 09:00:00', '16', 'G', NULL, 'system', '{now}');
DELETE FROM material WHERE material_id = 'M1';
INSERT INTO material (material_id, case_id, seq, material_name, file_kind, copy_kind, quantity, file_name, file_type, file_size, file_md5)
  VALUES ('M1', 'SP2014091900104', '1', '申请书', 'DZ', 'DZ', '1', 'sqs.PDF', 'PDF', '20480', 'unknown');
