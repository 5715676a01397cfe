# One region's store, queue, key and roles. The cluster, its network and the database are yours; nothing here makes them.

terraform {
  required_version = ">= 1.10"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { project = "vitrine", region = var.region }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
