# Uploads are announced on a queue; what cannot be read five times goes aside and is kept two weeks.

resource "aws_sqs_queue" "unread" {
  name                              = "${var.bucket}-uploads-unread"
  message_retention_seconds         = 1209600
  kms_master_key_id                 = aws_kms_key.store.arn
  kms_data_key_reuse_period_seconds = 3600
}

resource "aws_sqs_queue" "uploads" {
  name                              = "${var.bucket}-uploads"
  message_retention_seconds         = 1209600
  visibility_timeout_seconds        = 300 # longer than one batch of announcements takes to read
  receive_wait_time_seconds         = 20
  kms_master_key_id                 = aws_kms_key.store.arn
  kms_data_key_reuse_period_seconds = 3600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.unread.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "unread" {
  queue_url = aws_sqs_queue.unread.id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.uploads.arn]
  })
}

data "aws_iam_policy_document" "queue" {
  statement {
    sid       = "OurBucketAnnounces"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.uploads.arn]
    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.bucket_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [aws_sqs_queue.uploads.arn]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "uploads" {
  queue_url = aws_sqs_queue.uploads.id
  policy    = data.aws_iam_policy_document.queue.json
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.store.id
  queue {
    queue_arn     = aws_sqs_queue.uploads.arn
    events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    filter_prefix = var.incoming_prefix
  }
  depends_on = [aws_sqs_queue_policy.uploads]
}
