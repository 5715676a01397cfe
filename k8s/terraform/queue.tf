# Uploads are announced on a queue; what cannot be read five times goes aside and is kept two weeks.

locals {
  uploads_name = "${var.bucket}-uploads"
  unread_name  = "${var.bucket}-uploads-unread"
  queues_arn   = "arn:${data.aws_partition.current.partition}:sqs:${var.region}:${data.aws_caller_identity.current.account_id}"
  uploads_arn  = "${local.queues_arn}:${local.uploads_name}"
}

resource "aws_sqs_queue" "unread" {
  name                              = local.unread_name
  message_retention_seconds         = 1209600
  kms_master_key_id                 = aws_kms_key.store.arn
  kms_data_key_reuse_period_seconds = 3600
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.uploads_arn]
  })
}

resource "aws_sqs_queue" "uploads" {
  name                              = local.uploads_name
  message_retention_seconds         = 1209600
  visibility_timeout_seconds        = 300 # longer than one batch of announcements takes to read
  receive_wait_time_seconds         = 20
  kms_master_key_id                 = aws_kms_key.store.arn
  kms_data_key_reuse_period_seconds = 3600
  policy                            = data.aws_iam_policy_document.queue.json
  redrive_policy = jsonencode({
    deadLetterTargetArn = "${local.queues_arn}:${local.unread_name}"
    maxReceiveCount     = 5
  })
  depends_on = [aws_sqs_queue.unread]
}

data "aws_iam_policy_document" "queue" {
  statement {
    sid       = "OurBucketAnnounces"
    actions   = ["sqs:SendMessage"]
    resources = [local.uploads_arn]
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
    resources = [local.uploads_arn]
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

resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.store.id
  queue {
    queue_arn     = aws_sqs_queue.uploads.arn
    events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    filter_prefix = var.incoming_prefix
  }
}
