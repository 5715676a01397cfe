# A role per zone for its step pods, one for reading each namespace's secrets, one for the code server's sensors, one for the review page. Each
# may be taken by one ServiceAccount only; none may do what another's work needs.

locals {
  everywhere = ["blobs", "manifests", "handoff", "altered"]
  # Beyond what all steps share. Names as in k8s/base and orchestration/placement.py, held equal by a test.
  zones = {
    intake  = { reads = ["catalog", "incoming"], writes = [] }
    gpu     = { reads = ["catalog", "base-model"], writes = ["checkpoints", "gate"] }
    publish = { reads = ["catalog", "incoming", "published"], writes = ["published", "report"] }
  }
  namespaces   = ["control", "runs", "intake", "gpu", "publish"]
  provider_arn = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:oidc-provider/${var.oidc_provider}"
}

data "aws_iam_policy_document" "taken_by" {
  for_each = merge(
    { for zone in keys(local.zones) : "vitrine-${zone}" => "vitrine-${zone}:vitrine-step" },
    { for namespace in local.namespaces : "vitrine-secrets-${namespace}" => "vitrine-${namespace}:vitrine-secrets" },
    { "vitrine-code" = "vitrine-control:vitrine-code" },
    { "vitrine-review" = "vitrine-control:vitrine-review" },
  )
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [local.provider_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${var.oidc_provider}:sub"
      values   = ["system:serviceaccount:${each.value}"]
    }
    condition {
      test     = "StringEquals"
      variable = "${var.oidc_provider}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "all" {
  for_each             = data.aws_iam_policy_document.taken_by
  name                 = each.key
  assume_role_policy   = each.value.json
  max_session_duration = 3600
}

data "aws_iam_policy_document" "zone" {
  for_each = local.zones
  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = [for prefix in distinct(concat(local.everywhere, each.value.reads, each.value.writes)) : "${local.bucket_arn}/${prefix}/*"]
  }
  statement {
    sid       = "Write"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = [for prefix in concat(local.everywhere, each.value.writes) : "${local.bucket_arn}/${prefix}/*"]
  }
  # An altered blob is set aside and removed, a training's old checkpoints and a withdrawn picture are removed; versions stay.
  statement {
    sid       = "Remove"
    actions   = ["s3:DeleteObject"]
    resources = [for prefix in concat(["blobs"], each.value.writes) : "${local.bucket_arn}/${prefix}/*"]
  }
  # Without the right to list, a missing object is a 403 and looks like a wrong role.
  statement {
    sid       = "TellMissingFromForbidden"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]
  }
  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.store.arn]
  }
}

resource "aws_iam_role_policy" "zone" {
  for_each = local.zones
  name     = "bucket"
  role     = aws_iam_role.all["vitrine-${each.key}"].name
  policy   = data.aws_iam_policy_document.zone[each.key].json
}

data "aws_iam_policy_document" "secrets" {
  for_each = toset(local.namespaces)
  statement {
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = ["arn:${data.aws_partition.current.partition}:secretsmanager:${var.region}:${data.aws_caller_identity.current.account_id}:secret:vitrine/${each.key}/*"]
  }
}

resource "aws_iam_role_policy" "secrets" {
  for_each = toset(local.namespaces)
  name     = "secrets"
  role     = aws_iam_role.all["vitrine-secrets-${each.key}"].name
  policy   = data.aws_iam_policy_document.secrets[each.key].json
}

# Sensors run in the code server: they list the catalog, take announcements off the queue, and read the photos these name to digest them. They
# decode none, and write nothing to the bucket but records of the ledger's rows.
data "aws_iam_policy_document" "code" {
  statement {
    sid       = "TakeAnnouncements"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    resources = [aws_sqs_queue.uploads.arn]
  }
  # A message that cannot be read is set aside with its reason by the reader itself.
  statement {
    sid       = "SetAside"
    actions   = ["sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    resources = [aws_sqs_queue.unread.arn]
  }
  # A product with a new photo, and a cell that somebody asked for again, are rows of the ledger, and each has its record.
  statement {
    sid       = "KeepRecords"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arn}/manifests/records/*"]
  }
  statement {
    sid       = "LookAtPhotos"
    actions   = ["s3:GetObject"]
    resources = [for prefix in ["catalog", "incoming"] : "${local.bucket_arn}/${prefix}/*"]
  }
  statement {
    sid       = "SeeChangesAndNotifications"
    actions   = ["s3:ListBucket", "s3:GetBucketNotification"]
    resources = [local.bucket_arn]
  }
  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.store.arn]
  }
}

resource "aws_iam_role_policy" "code" {
  name   = "announcements"
  role   = aws_iam_role.all["vitrine-code"].name
  policy = data.aws_iam_policy_document.code.json
}

# The review page shows pictures and cut-outs, and keeps records of decisions. It may write no picture.
data "aws_iam_policy_document" "review" {
  statement {
    sid       = "SeePictures"
    actions   = ["s3:GetObject"]
    resources = [for prefix in ["blobs", "manifests"] : "${local.bucket_arn}/${prefix}/*"]
  }
  statement {
    sid       = "KeepRecords"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arn}/manifests/records/*"]
  }
  statement {
    sid       = "TellMissingFromForbidden"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]
  }
  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.store.arn]
  }
}

resource "aws_iam_role_policy" "review" {
  name   = "pictures"
  role   = aws_iam_role.all["vitrine-review"].name
  policy = data.aws_iam_policy_document.review.json
}
