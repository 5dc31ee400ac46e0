//! The smallest well-formed request of every operation of IAM.

use strongroom_wire::query::iam::OpName;

/// A policy that allows everything, and a trust policy, as parameters have them.
const DOCUMENT: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22*%22%2C%22Resource%22%3A%22*%22%7D%7D";
const TRUST: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22AWS%22%3A%22111122223333%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%7D";

/// A request that passes all constraints of `op` and names `name` wherever it names something.
pub(crate) fn smallest(op: OpName, name: &str) -> String {
    let parameters = match op {
        OpName::AddClientIDToOpenIDConnectProvider | OpName::RemoveClientIDFromOpenIDConnectProvider => {
            "OpenIDConnectProviderArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Aoidc-provider%2FNAME&ClientID=app"
        }
        OpName::AddUserToGroup | OpName::RemoveUserFromGroup => "GroupName=NAME&UserName=NAME",
        OpName::AttachGroupPolicy | OpName::DetachGroupPolicy => {
            "GroupName=NAME&PolicyArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Apolicy%2FNAME"
        }
        OpName::AttachRolePolicy | OpName::DetachRolePolicy => {
            "RoleName=NAME&PolicyArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Apolicy%2FNAME"
        }
        OpName::AttachUserPolicy | OpName::DetachUserPolicy => {
            "UserName=NAME&PolicyArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Apolicy%2FNAME"
        }
        OpName::CreateAccessKey
        | OpName::CreateUser
        | OpName::DeleteUser
        | OpName::DeleteUserPermissionsBoundary
        | OpName::GetUser
        | OpName::ListAccessKeys
        | OpName::ListAttachedUserPolicies
        | OpName::ListGroupsForUser
        | OpName::ListUserPolicies
        | OpName::ListUserTags
        | OpName::UpdateUser => "UserName=NAME",
        OpName::CreateGroup
        | OpName::DeleteGroup
        | OpName::GetGroup
        | OpName::ListAttachedGroupPolicies
        | OpName::ListGroupPolicies
        | OpName::UpdateGroup => "GroupName=NAME",
        OpName::CreateOpenIDConnectProvider => "Url=https%3A%2F%2FNAME",
        OpName::CreatePolicy => "PolicyName=NAME&PolicyDocument=DOCUMENT",
        OpName::CreatePolicyVersion => {
            "PolicyArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Apolicy%2FNAME&PolicyDocument=DOCUMENT"
        }
        OpName::CreateRole => "RoleName=NAME&AssumeRolePolicyDocument=TRUST",
        OpName::DeleteAccessKey => "UserName=NAME&AccessKeyId=AKIA000000000000NAME",
        OpName::DeleteGroupPolicy | OpName::GetGroupPolicy => "GroupName=NAME&PolicyName=NAME",
        OpName::DeleteOpenIDConnectProvider
        | OpName::GetOpenIDConnectProvider
        | OpName::ListOpenIDConnectProviderTags => {
            "OpenIDConnectProviderArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Aoidc-provider%2FNAME"
        }
        OpName::DeletePolicy
        | OpName::GetPolicy
        | OpName::ListEntitiesForPolicy
        | OpName::ListPolicyTags
        | OpName::ListPolicyVersions => "PolicyArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Apolicy%2FNAME",
        OpName::DeletePolicyVersion | OpName::GetPolicyVersion | OpName::SetDefaultPolicyVersion => {
            "PolicyArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Apolicy%2FNAME&VersionId=v1"
        }
        OpName::DeleteRole
        | OpName::DeleteRolePermissionsBoundary
        | OpName::GetRole
        | OpName::ListAttachedRolePolicies
        | OpName::ListInstanceProfilesForRole
        | OpName::ListRolePolicies
        | OpName::ListRoleTags
        | OpName::UpdateRole => "RoleName=NAME",
        OpName::DeleteRolePolicy | OpName::GetRolePolicy => "RoleName=NAME&PolicyName=NAME",
        OpName::DeleteUserPolicy | OpName::GetUserPolicy => "UserName=NAME&PolicyName=NAME",
        OpName::GetAccessKeyLastUsed => "AccessKeyId=AKIA000000000000NAME",
        OpName::GetAccountSummary
        | OpName::ListAccountAliases
        | OpName::ListGroups
        | OpName::ListOpenIDConnectProviders
        | OpName::ListPolicies
        | OpName::ListRoles
        | OpName::ListUsers => "",
        OpName::PutGroupPolicy => "GroupName=NAME&PolicyName=NAME&PolicyDocument=DOCUMENT",
        OpName::PutRolePermissionsBoundary => {
            "RoleName=NAME&PermissionsBoundary=arn%3Aaws%3Aiam%3A%3A111122223333%3Apolicy%2FNAME"
        }
        OpName::PutRolePolicy => "RoleName=NAME&PolicyName=NAME&PolicyDocument=DOCUMENT",
        OpName::PutUserPermissionsBoundary => {
            "UserName=NAME&PermissionsBoundary=arn%3Aaws%3Aiam%3A%3A111122223333%3Apolicy%2FNAME"
        }
        OpName::PutUserPolicy => "UserName=NAME&PolicyName=NAME&PolicyDocument=DOCUMENT",
        OpName::TagOpenIDConnectProvider => {
            "OpenIDConnectProviderArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Aoidc-provider%2FNAME&Tags.member.1.Key=a&Tags.member.1.Value=b"
        }
        OpName::TagPolicy => {
            "PolicyArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Apolicy%2FNAME&Tags.member.1.Key=a&Tags.member.1.Value=b"
        }
        OpName::TagRole => "RoleName=NAME&Tags.member.1.Key=a&Tags.member.1.Value=b",
        OpName::TagUser => "UserName=NAME&Tags.member.1.Key=a&Tags.member.1.Value=b",
        OpName::UntagOpenIDConnectProvider => {
            "OpenIDConnectProviderArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Aoidc-provider%2FNAME&TagKeys.member.1=a"
        }
        OpName::UntagPolicy => "PolicyArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Apolicy%2FNAME&TagKeys.member.1=a",
        OpName::UntagRole => "RoleName=NAME&TagKeys.member.1=a",
        OpName::UntagUser => "UserName=NAME&TagKeys.member.1=a",
        OpName::UpdateAccessKey => "UserName=NAME&AccessKeyId=AKIA000000000000NAME&Status=Inactive",
        OpName::UpdateAssumeRolePolicy => "RoleName=NAME&PolicyDocument=TRUST",
        OpName::UpdateOpenIDConnectProviderThumbprint => {
            "OpenIDConnectProviderArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Aoidc-provider%2FNAME&ThumbprintList.member.1=0123456789abcdef0123456789abcdef01234567"
        }
        OpName::UpdateRoleDescription => "RoleName=NAME&Description=d",
    };
    let parameters = parameters.replace("DOCUMENT", DOCUMENT).replace("TRUST", TRUST).replace("NAME", name);
    format!("{op}&{parameters}")
}
