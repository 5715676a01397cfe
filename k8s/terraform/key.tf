# One key for bucket and queue; a copy of either is of no use without it.

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:a key's policy speaks of that key alone; without the account in it nobody could ever change the key again
  #checkov:skip=CKV_AWS_111:as above, "*" in a key's policy is this key
  #checkov:skip=CKV_AWS_356:as above, "*" in a key's policy is this key
  statement {
    sid       = "AccountOwnsTheKey"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
  # S3 announces uploads on an encrypted queue.
  statement {
    sid       = "BucketMayAnnounce"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.bucket_arn]
    }
  }
}

resource "aws_kms_key" "store" {
  description             = "Pictures, manifests and announcements of ${var.bucket}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "store" {
  name          = "alias/${var.bucket}"
  target_key_id = aws_kms_key.store.key_id
}
