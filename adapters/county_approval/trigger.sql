-- What many vendors add: any UPDATE moves modified_time on, also our own write-back of sync_flag.
-- SQLite's dialect. The step of one second stands for the vendor's clock, so that runs repeat.
CREATE TRIGGER IF NOT EXISTS approval_case_touch AFTER UPDATE ON approval_case
BEGIN
  UPDATE approval_case SET modified_time = datetime(NEW.modified_time, '+1 second')
  WHERE case_id = NEW.case_id AND modified_time = NEW.modified_time;
END;
