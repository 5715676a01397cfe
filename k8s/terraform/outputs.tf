output "uploads_queue" {
  description = "Address of the queue with announcements of uploads."
  value       = aws_sqs_queue.uploads.url
}

output "unread_queue" {
  description = "Address of the queue with announcements that could not be read: look here when its depth is above zero."
  value       = aws_sqs_queue.unread.url
}

output "key" {
  description = "The key of bucket and queue."
  value       = aws_kms_key.store.arn
}

output "roles" {
  description = "Roles by name, for the ServiceAccounts' annotations in the production overlay."
  value       = { for name, role in aws_iam_role.all : name => role.arn }
}
