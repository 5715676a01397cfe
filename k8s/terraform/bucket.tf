# The region's bucket: versioned, encrypted with our key, closed to the public, TLS only, and written once where that is promised.

locals {
  bucket_arn = "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"
  # The policy is a file of its own, which the manifests' checks read too; here it gets this region's names.
  policy_text = replace(
    replace(
      replace(file("${path.module}/../cluster/bucket-policy.yaml"), "arn:aws:kms:eu-central-1:111111111111:alias/vitrine-bucket", aws_kms_key.store.arn),
      "vitrine-eu-central-1", var.bucket
    ),
    "eu-central-1", var.region
  )
}

resource "aws_s3_bucket" "store" {
  #checkov:skip=CKV_AWS_144:one deployment per region; pictures are not copied out of it. Versions and the ledger's backup are the way back
  #checkov:skip=CKV_AWS_18:object-level events of CloudTrail are the record of access; server access logs would need a second bucket and name the same
  bucket = var.bucket
}

resource "aws_s3_bucket_versioning" "store" {
  bucket = aws_s3_bucket.store.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "store" {
  bucket = aws_s3_bucket.store.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.store.arn
    }
    bucket_key_enabled = true
  }
}

resource "aws_s3_bucket_public_access_block" "store" {
  bucket                  = aws_s3_bucket.store.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "store" {
  bucket = aws_s3_bucket.store.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "store" {
  bucket     = aws_s3_bucket.store.id
  policy     = jsonencode(yamldecode(local.policy_text))
  depends_on = [aws_s3_bucket_public_access_block.store]
}

resource "aws_s3_bucket_lifecycle_configuration" "store" {
  bucket     = aws_s3_bucket.store.id
  depends_on = [aws_s3_bucket_versioning.store]

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "handoffs"
    status = "Enabled"
    filter {
      prefix = "handoff/"
    }
    expiration {
      days = var.handoff_days
    }
  }

  rule {
    id     = "former-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.former_versions_days
    }
  }
}
