import { suite } from '@athena-budget-examples/testing';
import { Phone } from '@athena-budget-examples/rxdb';

suite('RxDB', Phone);
