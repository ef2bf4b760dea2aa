//! The rules, one per file, and their order.

mod attach;
mod cover;
mod forget;
mod form;
mod heal_addresses;
mod meet;
mod objects;
mod remove;
mod take_over;

use crate::model::Rule;

use super::draft::Draft;
use super::view::View;

/// A rule adds its steps and waits to the draft.
type Apply = fn(&View<'_>, &mut Draft<'_>);

/// The rules in the order in which they run. A later rule gets a shard only if no earlier rule
/// planned a step for it.
pub(super) const ALL: &[(Rule, Apply)] = &[
    (Rule::TakeOver, take_over::apply),
    (Rule::HealAddresses, heal_addresses::apply),
    (Rule::Objects, objects::apply),
    (Rule::Form, form::apply),
    (Rule::Meet, meet::apply),
    (Rule::Forget, forget::apply),
    (Rule::Cover, cover::apply),
    (Rule::Attach, attach::apply),
    (Rule::Remove, remove::apply),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_rules() {
        assert!(ALL.is_sorted_by(|(a, _), (b, _)| a < b));
    }
}
