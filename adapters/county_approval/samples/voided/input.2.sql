-- The same rows in the tables of schema.sql, as the system writes them; {now} is the moment of writing.

DELETE FROM approval_case WHERE case_id = 'SP2014091900001';
INSERT INTO approval_case (case_id, item_code, item_name, area_code, org_code, org_name, internal_no, apply_type, apply_name, cert_type, cert_no, contact_name, contact_phone, project_name, material_list, case_source, submit_time, submit_place, accept_state, accept_name, accept_staff_no, accept_doc_no, accept_time, case_state, void_flag, void_reason, void_by, created_time, modified_time)
  VALUES ('SP2014091900001', '990103002000201', '食品经营许可', '990103', '11990103000000019T', '测试县行政审批局', '内审2014-0001', '2', '测试食品店', 'XYDM', '91990103000007771A', '测试己', '13900000010', '食品经营许可新办', '申请书；营业执照', '2', '2014-09-19 08:30:00', '县政务大厅', '1', '受理辛', '0102', 'SL-2014-0001', '2014-09-19 10:00:00', '1', 'Y', '02', '0102', '2014-09-19 08:30:05', '{now}');
DELETE FROM approval_step WHERE step_id = 'S1';
INSERT INTO approval_step (step_id, case_id, step_no, step_code, step_name, org_code, org_name, approver, post_name, opinion, step_state, step_time)
  VALUES ('S1', 'SP2014091900001', '1', 'CB', '承办', '11990103000000019T', '测试县行政审批局', '审批癸', '科长', '同意', 'TG', '2014-09-28 10:00:00');
