//! Customers' accounts: charged with the records, never twice, and over everything that can happen to the process.

use super::*;
use records::{Accounts, Booked, Payment};
use switch::record::{AccountRecord, Balance, Money};

fn charged(n: u64, customer: &str, price: u64) -> Job {
    Job::Final {
        ticket: n,
        record: Box::new(CallRecord {
            accounts: vec![AccountRecord {
                customer: customer.to_owned(),
                price: Money(price),
            }],
            ..samples::record(n)
        }),
    }
}

fn payment(customer: &str, amount: i64, reference: Option<&str>) -> Payment {
    Payment {
        customer: customer.to_owned(),
        booked_ms: 1_800_000_000_000,
        amount: Balance(amount),
        reference: reference.map(str::to_owned),
        note: Some("invoice".to_owned()),
    }
}

fn balances(directory: &Directory) -> Vec<(String, i64)> {
    let accounts = Accounts::open(&directory.database()).unwrap();
    let balances = accounts.balances().unwrap();
    balances
        .into_iter()
        .map(|(name, balance)| (name, balance.0))
        .collect()
}

#[test]
fn a_record_takes_its_price_off_its_customers_credit_once() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    for job in [charged(1, "a", 100), charged(2, "b", 7), charged(3, "a", 11)] {
        let ticket = job.ticket();
        assert_eq!(open.run(job), stored(ticket));
    }
    // A second record of a call is refused, and its price with it.
    assert!(matches!(open.run(charged(1, "a", 1000)), Outcome::Failed { .. }));
    // An account so far charges nothing yet.
    open.run(Job::Interim {
        ticket: 4,
        record: Box::new(samples::record(4)),
    });
    open.store.close();
    assert_eq!(
        balances(&directory),
        [("a".to_owned(), -111), ("b".to_owned(), -7)]
    );
}

#[test]
fn a_payment_is_booked_once_for_its_reference() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    let mut accounts = Accounts::open(&directory.database()).unwrap();
    assert_eq!(
        accounts.book(&payment("a", 500, Some("17"))).unwrap(),
        Booked::Now
    );
    assert_eq!(
        accounts.book(&payment("a", 500, Some("17"))).unwrap(),
        Booked::Before
    );
    assert_eq!(
        accounts.book(&payment("a", 900, Some("17"))).unwrap(),
        Booked::Otherwise(Balance(500))
    );
    assert_eq!(
        accounts.book(&payment("b", 500, Some("17"))).unwrap(),
        Booked::Now
    );
    assert_eq!(accounts.book(&payment("a", -200, None)).unwrap(), Booked::Now);
    assert_eq!(accounts.book(&payment("a", -200, None)).unwrap(), Booked::Now);
    // The writer is beside it all the while.
    assert_eq!(open.run(charged(1, "a", 30)), stored(1));
    assert_eq!(
        balances(&directory),
        [("a".to_owned(), 70), ("b".to_owned(), 500)]
    );
    let amounts: Vec<i64> = accounts
        .payments("a")
        .unwrap()
        .iter()
        .map(|payment| payment.amount.0)
        .collect();
    assert_eq!(amounts, [-200, -200, 500]);
    assert_eq!(accounts.payments("a").unwrap()[2], payment("a", 500, Some("17")));
    open.store.close();
}

#[test]
fn sums_of_money_are_columns() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    open.run(last(1));
    open.run(Job::Final {
        ticket: 2,
        record: Box::new(CallRecord {
            cost: None,
            price: None,
            ..samples::record(2)
        }),
    });
    open.store.close();
    let sums: (i64, i64, i64) = Connection::open(directory.database())
        .unwrap()
        .query_row(
            "SELECT sum(cost), sum(price), count(cost) FROM records",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(sums, (4_500_000, 10_000_000, 1));
}
