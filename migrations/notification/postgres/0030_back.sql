-- What was cancelled for want of a person, who may turn out to be there.
create index notification_back on notification (recipient_id)
    where status = 'cancelled' and reason in ('recipient_left', 'no_approver');
